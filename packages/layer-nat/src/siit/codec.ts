/** How an IPv6 address is told by an IPv4 one, or by a number that stands for one, and back. */
export interface AddressCodec {
  /** The number of the IPv6 address at `at`; 0 if it has none. */
  read(view: DataView, at: number): number
  /** Writes the IPv6 address of a number to `at`; false if the number stands for none. */
  write(address: number, view: DataView, at: number): boolean
}

/** What the addresses of a packet are translated by; those of a packet quoted in an ICMP error stand the other way round. */
export interface AddressCodecs {
  readonly source: AddressCodec
  readonly destination: AddressCodec
  readonly quotedSource: AddressCodec
  readonly quotedDestination: AddressCodec
}
