import type { Endpoint, IpPacket } from '@millrace/core'
import type { TcpStatistics } from '../tcp/surroundings.ts'
import type { Destination } from './attempts.ts'
import type { BindOptions } from './datagram-arguments.ts'
import type { DatagramSocketOptions, TunnelDatagramSocket } from './tunnel-datagram-socket.ts'
import type { ListenOptions, TunnelServer } from './tunnel-server.ts'
import type { TunnelSocket, TunnelSocketOptions } from './tunnel-socket.ts'

export interface DialOptions extends TunnelSocketOptions {
  /** One of the host's own. Default: the first of the destination's family. */
  readonly localAddress?: string
  /** Default: one that nobody can foresee (RFC 6056). */
  readonly localPort?: number
  /** Ends the socket with an AbortError. */
  readonly signal?: AbortSignal
}

/** Where to dial: one place, or several of which the first that answers is taken, known now or later. */
export type Destinations = Destination | readonly Destination[] | PromiseLike<readonly Destination[]>

/** A host of its own at the end of a stack, and its sockets. */
export interface NetstackEndpoint extends Endpoint<IpPacket> {
  readonly name: string
  /** Its own addresses in text form. */
  readonly addresses: readonly string[]
  /** Whether it may send to an address: in its routes, of a family that it has, and no loopback or multicast. */
  reaches(address: string): boolean
  /**
   * Opens a TCP connection. Of several destinations the next is tried when one fails or has not answered for 250 ms. What
   * goes wrong is told by `error`, as of a `net.Socket`.
   */
  dial(to: Destinations, options?: DialOptions): TunnelSocket
  /** Accepts TCP connections; before the start, too. Throws a SocketError `EADDRINUSE` or `EADDRNOTAVAIL`. */
  listen(options: ListenOptions, onConnection?: (socket: TunnelSocket) => void): TunnelServer
  /** A UDP socket, not bound yet: the first `send` or `connect` binds it. */
  createSocket(options?: DatagramSocketOptions): TunnelDatagramSocket
  /** A UDP socket that is bound; `listening` follows. */
  bind(options: BindOptions & DatagramSocketOptions): TunnelDatagramSocket
  /** What its TCP holds; undefined while it is not started. */
  readonly statistics: TcpStatistics | undefined
}
