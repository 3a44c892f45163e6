/**
 * An address of this machine at which a datagram came in, and the interface it came in on: the source its answer should
 * have (IP_PKTINFO, RFC 3542 §6). Immutable but for one thing: whether it is still of use as a source.
 */
export class LocalAddress {
  readonly family: 4 | 6
  /** Text, IPv6 compressed, without a zone: the interface says it. */
  readonly address: string
  /** Index of the interface, in the network namespace of the wire. */
  readonly interfaceIndex: number
  #usable = true

  constructor(family: 4 | 6, address: string, interfaceIndex: number) {
    this.family = family
    this.address = address
    this.interfaceIndex = interfaceIndex
  }

  /** False once the wire has found that datagrams cannot go out from here any more. It never becomes true again. */
  get usable(): boolean {
    return this.#usable
  }

  /**
   * For the wire: the address is gone, or the way back now leads out of another interface. Whoever holds this object sees
   * it and lets go; if the address is of use again later, what comes in at it carries another object.
   */
  refuse(): void {
    this.#usable = false
  }

  toString(): string {
    return `${this.address}%${this.interfaceIndex}`
  }
}
