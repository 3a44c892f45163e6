import type { Context } from '@millrace/core'
import { SYSTEM_CALLS } from '@millrace/native'
import type { Tcp } from '../tcp/tcp.ts'
import type { SocketsOptions } from './options.ts'
import { NativeTcpOutlets } from './tcp-native-outlets.ts'
import type { TcpOutletParts, TcpOutlets } from './tcp-outlet.ts'
import { PortableTcpOutlets } from './tcp-portable-outlets.ts'
import { NativeOutlets } from './udp-native-outlets.ts'
import type { UdpOutlets } from './udp-outlet.ts'
import { PortableOutlets } from './udp-portable-outlets.ts'

/** By system calls, where there are any and the options have nothing against it. */
export function makeTcpOutlets(
  { tcp: options }: SocketsOptions,
  { runtime }: Context,
  tcp: Tcp,
  parts: TcpOutletParts,
): TcpOutlets {
  const system = options?.native === false ? undefined : runtime.get(SYSTEM_CALLS)
  return system === undefined ? new PortableTcpOutlets(tcp, parts) : new NativeTcpOutlets(system, tcp, parts)
}

/** The same for UDP. */
export function makeUdpOutlets({ udp = {} }: SocketsOptions, { drop, pool, runtime }: Context): UdpOutlets {
  const { native, offload, receiveBuffer, sendBuffer } = udp
  const buffers = { receiveBuffer, sendBuffer }
  const system = native === false ? undefined : runtime.get(SYSTEM_CALLS)
  if (system === undefined) return new PortableOutlets(buffers)
  const { send = true, receive = true } = offload ?? {}
  return new NativeOutlets(system, { buffers, offload: { send, receive }, memory: pool.memory, drop })
}
