import type { NatOptions } from '../options.ts'

export interface Nat64Options
  extends Omit<NatOptions, 'address' | 'pins' | 'gatewayAddress' | 'forwards' | 'staticAddresses' | 'ipv6' | 'mtu'> {
  /**
   * Behind which the IPv4 addresses stand that the inside speaks to, of length 32, 40, 48, 56, 64 or 96 (RFC 6052).
   * Default `64:ff9b::/96`, which is for addresses of the internet only: for private ones take one of your own, or of
   * `64:ff9b:1::/48` (RFC 8215).
   */
  readonly prefix?: string
  /** The IPv4 address under which all peers appear outside, or a pool of them. */
  readonly address: string | readonly string[]
  /** For `pinned`: outside address by the name of the peer, or by inside IPv6 address where packets have no peer. */
  readonly pins?: Readonly<Record<string, string>>
  /** IPv6 address whom errors to the inside come from. Default: the first `address`, behind the prefix. */
  readonly gatewayAddress?: string
  /** Ways in, as those of `nat()`, `to` an IPv6 address. */
  readonly forwards?: NatOptions['forwards']
  /** One-to-one: inside IPv6 addresses with an outside IPv4 address of their own. */
  readonly staticAddresses?: NatOptions['staticAddresses']
  /**
   * Of the tunnel, bytes, at least 1280: what is larger as IPv6 is cut in fragments or answered, and the TCP MSS is
   * lowered to fit. Default 1420.
   */
  readonly mtu?: number
}
