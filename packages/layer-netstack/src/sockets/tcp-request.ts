import type { Endpoints } from '../tcp/endpoints.ts'
import type { FlowRequest } from './flow-gate.ts'
import type { NameService } from './name-service.ts'

const TCP = 6

/** Where a client's connection is to go: to what it was opened to, or to the name server that stands behind that. */
export function tcpRequest(
  { version, localAddress, localPort, remoteAddress, peer }: Endpoints,
  names: NameService | undefined,
): FlowRequest {
  const isService = names?.isAt(localAddress, localPort) === true
  const { address: destination, port } = isService ? names : { address: localAddress, port: localPort }
  return { protocol: TCP, family: version, client: remoteAddress, destination, port, peer, isService }
}
