import type { Tcp } from '../tcp/tcp.ts'
import type { RelayBuffers } from './relay-buffers.ts'
import type { TcpFlow } from './tcp-flow.ts'

/** What a flow needs of the relay it belongs to, and tells it. */
export interface TcpFlowOwner {
  readonly tcp: Tcp
  readonly buffers: RelayBuffers
  readonly keepaliveIdle: number
  readonly wake: () => void
  /** The server has answered. */
  connected(flow: TcpFlow): void
  /** The dial has failed, and the socket is gone. `code` is the system's; `isAddress`: the egress address was not to be had. */
  failed(flow: TcpFlow, code: string, isAddress: boolean): void
  /** One side does not take what the other sends. */
  stalled(): void
  /** The socket is closed. */
  finished(flow: TcpFlow): void
}
