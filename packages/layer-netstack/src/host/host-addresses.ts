import { formatAddress, type IpPacket, type Prefix, parseAddress, prefixContains } from '@millrace/core'

/** The addresses that a host has, and those that it may send to; binary, of 4 or 16 bytes. */
export class HostAddresses {
  readonly #own: readonly Uint8Array[]
  readonly #routes: readonly Prefix[]

  constructor(own: readonly Uint8Array[], routes: readonly Prefix[]) {
    this.#own = own
    this.#routes = routes
  }

  /** Whether a packet is sent to this host. */
  isFor({ version, memory, offset }: IpPacket): boolean {
    const size = version === 4 ? 4 : 16
    const at = offset + (version === 4 ? 16 : 24)
    for (let i = 0; i < this.#own.length; i++) {
      const address = this.#own[i] as Uint8Array
      if (address.length === size && isAt(memory, at, address)) return true
    }
    return false
  }

  has(address: Uint8Array): boolean {
    return this.#own.some((own) => own.length === address.length && isAt(address, 0, own))
  }

  /** The first of its addresses with `size` bytes. */
  first(size: number): Uint8Array | undefined {
    return this.#own.find((address) => address.length === size)
  }

  /** Whether packets to `address` may leave, and can come back. */
  reaches(address: Uint8Array): boolean {
    const family = address.length === 4 ? 4 : 6
    if (this.first(address.length) === undefined || !isSingleHost(address) || this.has(address)) return false
    return this.#routes.some((route) => route.family === family && prefixContains(route, address, 0))
  }
}

/** The bytes of an address in text form, 4 for one that is mapped into IPv6 (RFC 4291 §2.5.5.2); undefined if it is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  try {
    const { bytes } = parseAddress(text)
    const isMapped = bytes.length === 16 && isAt(bytes, 0, MAPPED)
    return isMapped ? bytes.slice(12) : bytes
  } catch {
    return undefined
  }
}

export function addressText(address: Uint8Array): string {
  return formatAddress(address, 0, address.length === 4 ? 4 : 6)
}

const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

/** Neither unspecified, loopback, multicast nor broadcast: what no tunnel leads to (RFC 1122 §3.2.1.3, RFC 4291 §2.5). */
function isSingleHost(address: Uint8Array): boolean {
  const first = address[0] as number
  if (address.length === 4) return first !== 0 && first !== 127 && first < 224
  if (first === 0xff) return false
  return address.subarray(0, 15).some((byte) => byte !== 0) || (address[15] as number) > 1
}

function isAt(bytes: Uint8Array, at: number, what: Uint8Array): boolean {
  for (let i = 0; i < what.length; i++) if (bytes[at + i] !== what[i]) return false
  return true
}
