import type { Duplex } from 'node:stream'
import type { HostPort } from '@millrace/layer-wireguard'

/** A TCP connection; a `net.Socket` is one, and so is a socket of a tunnel. Both halves end for themselves. */
export interface Connection extends Duplex {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  /** Ends it with a RST. */
  resetAndDestroy?(): unknown
}

/** Something that has been opened and waits. */
export interface Listener {
  readonly local: HostPort
  /** Takes nothing more; what it has accepted goes on. */
  close(): Promise<void>
}

/** A UDP port. */
export interface DatagramPort extends Listener {
  /** To an address, not a name. Nobody is told of what does not arrive; more than can be sent is dropped. */
  send(bytes: Uint8Array, to: HostPort): void
}

export type Receive = (bytes: Uint8Array, from: HostPort) => void

/**
 * Where connections come from and go to: the network of this machine, or what a tunnel leads to. Whatever fails is an
 * error with the system's `code`, `ECONNREFUSED`.
 */
export interface Network {
  /** A name is looked up by this network itself. Rejects with an AbortError when it is no longer wanted. */
  connect(to: HostPort, signal: AbortSignal): Promise<Connection>
  /** The addresses of a name that it leads to, best first, at least one; an address stands for itself. */
  lookup(host: string): Promise<readonly [string, ...string[]]>
  /** Accepts connections; port 0 for any that is free. */
  listen(at: HostPort, accept: (connection: Connection) => void): Promise<Listener>
  /** Opens a UDP port; `0.0.0.0` and `::` for all addresses, port 0 for any that is free. */
  bind(at: HostPort, receive: Receive): Promise<DatagramPort>
}
