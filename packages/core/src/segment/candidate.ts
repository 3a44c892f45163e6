import { foldSum, onesComplementSum } from '../ip/checksum.ts'
import type { OnesComplement } from '../ip/ones-complement.ts'
import { TCP, UDP } from '../ip/protocols.ts'
import { ACK, PSH } from './tcp-udp.ts'

const DONT_FRAGMENT = 0x4000

/**
 * What a {@link Joiner} must know of the packet it is looking at. One object is filled anew for each. It reads nothing
 * outside of the packet, whatever its bytes.
 */
export class Candidate {
  readonly #sums: OnesComplement
  readonly view: DataView
  /** Where the IP packet begins in memory. */
  at = 0
  /** 0 when there is no room even for an IP header: nothing else is set then. */
  version: 0 | 4 | 6 = 0
  /** TCP or UDP, not a fragment, without IP options or extension headers, and all of it there: ports may be read. */
  hasPorts = false
  /** Nothing in its headers stands against joining it to one before or behind it. The checksums have not been looked at. */
  isPlain = false
  isTcp = false
  /** It has PSH: nothing may be joined behind it. */
  isLast = false
  ipHeader = 0
  headers = 0
  /** Bytes of payload. */
  size = 0
  /** TCP only, else 0. As a signed number, which the engine keeps without a box of its own. */
  sequence = 0
  /** IPv4 only, else 0. */
  id = 0
  /** True if the identification means nothing: DF (RFC 6864 §4.1), or IPv6. */
  isAtomic = true
  /** One number of addresses and ports, to tell most flows apart at one look. */
  key = 0

  constructor(sums: OnesComplement) {
    this.#sums = sums
    this.view = sums.view
  }

  /** Looks at the packet in `[at, at + length)`; what is behind the length that its header states is padding. */
  read(at: number, length: number): void {
    const version = length === 0 ? 0 : this.view.getUint8(at) >> 4
    this.at = at
    this.hasPorts = false
    this.isPlain = false
    if (version === 4 && length >= 20) this.#readIpv4(at, length)
    else if (version === 6 && length >= 40) this.#readIpv6(at, length)
    else this.version = 0
  }

  /** Where the source address begins, counted from `at`; the destination follows, then the transport header. */
  get addresses(): number {
    return this.version === 4 ? 12 : 8
  }

  /** Whether the IPv4 header checksum is right, to the bit: a 0xffff instead of 0 could not be made again. */
  hasRightIpChecksum(): boolean {
    if (this.version === 6) return true
    const { view, at } = this
    return onesComplementSum(view, at, 20) === 0xffff && view.getUint16(at + 10) !== 0xffff
  }

  /** The same of the transport checksum, given the sum of the payload. A UDP checksum of 0 is none, and not right. */
  hasRightChecksum(payloadSum: number): boolean {
    const { view, at, addresses, headers, ipHeader, size, isTcp } = this
    const protocol = isTcp ? TCP : UDP
    const sum = this.#sums.sum(at + addresses, headers - addresses) + protocol + headers - ipHeader + size + payloadSum
    const never = isTcp ? 0xffff : 0
    return foldSum(sum) === 0xffff && view.getUint16(at + ipHeader + (isTcp ? 16 : 6)) !== never
  }

  #readIpv4(at: number, length: number): void {
    const { view } = this
    this.version = 4
    const total = view.getUint16(at + 2)
    const fragment = view.getUint16(at + 6)
    // No options; neither MF nor an offset nor the reserved bit.
    if (view.getUint8(at) !== 0x45 || total > length || (fragment & ~DONT_FRAGMENT) !== 0) return
    this.ipHeader = 20
    this.id = view.getUint16(at + 4)
    this.isAtomic = fragment !== 0
    this.key = view.getInt32(at + 12) ^ view.getInt32(at + 16)
    this.#readTransport(view.getUint8(at + 9), total - 20)
  }

  #readIpv6(at: number, length: number): void {
    const { view } = this
    this.version = 6
    const payload = view.getUint16(at + 4)
    if (payload + 40 > length) return
    this.ipHeader = 40
    this.id = 0
    this.isAtomic = true
    this.key = 0
    for (let word = at + 8; word < at + 40; word += 4) this.key ^= view.getInt32(word)
    this.#readTransport(view.getUint8(at + 6), payload)
  }

  #readTransport(protocol: number, length: number): void {
    this.isTcp = protocol === TCP
    if (this.isTcp ? length < 20 : protocol !== UDP || length < 8) return
    const { view, ipHeader } = this
    const transport = this.at + ipHeader
    this.hasPorts = true
    this.key ^= view.getInt32(transport)
    let header = 8
    let plain: boolean
    if (this.isTcp) {
      const offsetAndFlags = view.getUint16(transport + 12)
      header = (offsetAndFlags >> 12) * 4
      this.sequence = view.getInt32(transport + 4)
      this.isLast = (offsetAndFlags & PSH) !== 0
      const urgent = view.getUint16(transport + 18)
      plain = header >= 20 && (offsetAndFlags & 0x0fff & ~PSH) === ACK && urgent === 0
    } else {
      this.sequence = 0
      this.isLast = false
      plain = view.getUint16(transport + 4) === length
    }
    this.headers = ipHeader + header
    this.size = length - header
    this.isPlain = plain && this.size > 0
  }
}
