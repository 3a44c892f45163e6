import type { IcmpErrorKind, Peer } from '@millrace/core'

/** The far end of a datagram. Good until the listener returns: the next one is told with the same object. */
export interface UdpRemote {
  readonly version: 4 | 6
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly port: number
}

/** What the owner of datagrams is told. It must not call `receive` from in here; everything else it may. */
export interface DatagramListener {
  /**
   * A datagram came in; `bytes` are a view, good until this returns. Returns why it goes no further, or undefined.
   */
  datagram(handle: number, remote: UdpRemote, bytes: Uint8Array): string | undefined
  /** Of something sent to this handle's remote, an ICMP error says that it did not arrive. `mtu` is 0 but for `packet-too-big`. */
  error(handle: number, kind: IcmpErrorKind, remote: UdpRemote, mtu: number): void
}

/** What the owner of a {@link Udp} is told. A handle is good from `opened` to `closed`. */
export interface UdpListener extends DatagramListener {
  /** A client sends for the first time from this port; see `client` for who. Its datagram follows, unless the flow is closed. */
  opened(flow: number): void
  /** The client has sent nothing for too long, and the handle means nothing any more. */
  closed(flow: number, cause: 'idle'): void
}

/** Who a flow belongs to. */
export interface UdpClient {
  readonly version: 4 | 6
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly port: number
  /** Who sends from there, if the stack said so. */
  readonly peer: Peer | undefined
}
