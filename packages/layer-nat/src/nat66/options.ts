import type { NatOptions } from '../options.ts'

/** Options are those of `nat()`; addresses are IPv6 ones. */
export interface Nat66Options extends Omit<NatOptions, 'ipv6' | 'mtu'> {
  /** The IPv6 address under which all peers appear outside, or a pool of them. */
  readonly address: string | readonly string[]
  /** Whom errors to the inside come from: the gateway's address in the tunnel. Default: the first `address`. */
  readonly gatewayAddress?: string
  /** Of the tunnel, bytes, at least 1280: what is larger is answered, and the TCP MSS is lowered to fit. Default 1420. */
  readonly mtu?: number
}
