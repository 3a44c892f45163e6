/** An IP address and UDP port, immutable. `address` is text in the form the system gives it, IPv6 compressed. */
export class SocketAddress {
  readonly family: 4 | 6
  readonly address: string
  readonly port: number

  constructor(family: 4 | 6, address: string, port: number) {
    this.family = family
    this.address = address
    this.port = port
  }

  equals(other: SocketAddress): boolean {
    return this.port === other.port && this.address === other.address
  }

  toString(): string {
    return this.family === 4 ? `${this.address}:${this.port}` : `[${this.address}]:${this.port}`
  }
}
