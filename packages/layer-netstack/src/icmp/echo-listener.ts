import type { Peer } from '@millrace/core'

/** Bounds and times of an `Echo`. */
export interface EchoOptions {
  /** Most flows at once. Default 4,096. */
  readonly flows?: number
  /** Since the client last sent a request (RFC 5508 REQ-2: 60 seconds at least), milliseconds. Default 60,000. */
  readonly idleTimeout?: number
  /** Largest packet to send, bytes; what is larger goes in fragments. Default 1,420. */
  readonly mtu?: number
}

/** What the owner of an `Echo` is told. A handle is good from `opened` to `closed`. */
export interface EchoListener {
  /** A client pings somebody; see `ends` for who whom. Its request follows, unless the flow is closed. */
  opened(flow: number): void
  /**
   * An echo request; `payload` is a view, good until this returns. Nobody answers it but the owner. Returns why it goes no
   * further, or undefined.
   */
  echo(flow: number, sequence: number, payload: Uint8Array, hopLimit: number): string | undefined
  /** The client has sent nothing for too long, and the handle means nothing any more. */
  closed(flow: number, cause: 'idle'): void
}

/** Who pings whom; addresses have 4 or 16 bytes. */
export interface EchoEnds {
  readonly version: 4 | 6
  readonly clientAddress: Uint8Array
  readonly destination: Uint8Array
  readonly identifier: number
  readonly peer: Peer | undefined
}
