import {
  ConfigurationError,
  formatAddress,
  type Prefix,
  parsePrefix,
  prefixContains,
  type Random,
} from '@millrace/core'

/** The IPv4 network of the tunnel: its first host is the gateway, the others are clients. */
export class Subnet {
  /** `10.7.0.0/24` */
  readonly text: string
  readonly prefix: Prefix

  private constructor(text: string, prefix: Prefix) {
    this.text = text
    this.prefix = prefix
  }

  /** Throws a ConfigurationError that names `what`. */
  static parse(text: string, what: string): Subnet {
    const prefix = parsePrefix(text, what)
    const base = formatAddress(prefix.bytes, 0, prefix.family)
    if (prefix.family !== 4) throw new ConfigurationError(`${what}: expected an IPv4 network, got "${text}"`)
    if (prefix.length > 30) {
      throw new ConfigurationError(`${what}: ${text} is too small: the gateway and one client need a /30 at least`)
    }
    if (prefix.length < 8) throw new ConfigurationError(`${what}: ${text} is too large: a /8 at most`)
    if (text !== `${base}/${prefix.length}`) {
      throw new ConfigurationError(
        `${what}: ${text} has bits behind the prefix: did you mean ${base}/${prefix.length}?`,
      )
    }
    return new Subnet(text, prefix)
  }

  /** The gateway's own address. */
  get gateway(): string {
    return this.address(1)
  }

  /** The number of the last host: hosts are 1 (the gateway) to this. */
  get lastHost(): number {
    return 2 ** (32 - this.prefix.length) - 2
  }

  /** The address of a host by its number. */
  address(host: number): string {
    return formatAddress(plus(this.prefix.bytes, host), 0, 4)
  }

  contains(address: string): boolean {
    return this.overlaps(parsePrefix(address))
  }

  overlaps(other: Prefix): boolean {
    if (other.family !== 4) return false
    const [wide, narrow] = this.prefix.length <= other.length ? [this.prefix, other] : [other, this.prefix]
    return prefixContains(wide, narrow.bytes, 0)
  }
}

/** A random IPv6 /64 of the kind that nobody else has (RFC 4193 section 3.2.2). */
export function uniqueLocalPrefix(random: Random): string {
  const bytes = new Uint8Array(16)
  random.fill(bytes.subarray(1, 6))
  bytes[0] = 0xfd
  return `${formatAddress(bytes, 0, 6)}/64`
}

/** The address of a host by its number in an IPv6 prefix of 64 bits. */
export function address6(prefix: string, host: number): string {
  return formatAddress(plus(parsePrefix(prefix).bytes, host), 0, 6)
}

function plus(base: Uint8Array, host: number): Uint8Array {
  const bytes = Uint8Array.from(base)
  const view = new DataView(bytes.buffer)
  view.setUint32(bytes.length - 4, view.getUint32(bytes.length - 4) + host)
  return bytes
}
