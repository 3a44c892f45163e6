import { checksum, type IpPacket } from '@millrace/core'

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const DESTINATION_OPTIONS = 60

/** Where the parts of an incoming fragment lie. One object serves for any number, one after the other. */
export class Fragment {
  /** Of the datagram: 16 bits in IPv4, 32 in IPv6, signed. */
  id = 0
  /** What is in front of every fragment, bytes: the IPv4 header, or all before IPv6's fragment header. */
  header = 0
  /** Where the payload begins in memory, and how many bytes of the datagram's there are, from where on. */
  payload = 0
  length = 0
  from = 0
  isLast = false
  /** Only IPv6. Where the byte is that says that a fragment header follows, and what that header says follows it. */
  nextHeaderAt = 0
  nextHeader = 0

  /** Reads `packet`, which `parseIp` has found to be a fragment. Returns the reason for a drop, or undefined. */
  read(packet: IpPacket): string | undefined {
    if (!packet.isFragment) return 'not-a-fragment'
    const end = packet.offset + packet.length
    const found = packet.version === 4 ? this.#read4(packet) : this.#read6(packet, end)
    if (!found) return 'fragment-invalid'
    this.length = end - this.payload
    if (this.length <= 0 || (!this.isLast && this.length % 8 !== 0)) return 'fragment-invalid'
    // Ping of death: the last byte would lie beyond what a packet can have.
    if (this.header + this.from + this.length > 65_535) return 'fragment-too-large'
    // RFC 7112, RFC 1858: who hides the ports from the first fragment has nothing good in mind.
    return this.from === 0 && packet.transport === 0 ? 'fragment-tiny' : undefined
  }

  #read4({ view, offset }: IpPacket): boolean {
    this.header = (view.getUint8(offset) & 15) * 4
    if (checksum(view, offset, this.header) !== 0) return false
    const word = view.getUint16(offset + 6)
    this.id = view.getUint16(offset + 4)
    this.payload = offset + this.header
    this.from = (word & 0x1fff) * 8
    this.isLast = (word & 0x2000) === 0
    return true
  }

  #read6({ view, offset }: IpPacket, end: number): boolean {
    this.nextHeaderAt = offset + 6
    let at = offset + 40
    for (let next = view.getUint8(this.nextHeaderAt); next !== FRAGMENT; next = view.getUint8(this.nextHeaderAt)) {
      if (next !== HOP_BY_HOP && next !== ROUTING && next !== DESTINATION_OPTIONS) return false
      if (at + 8 > end) return false
      this.nextHeaderAt = at
      at += (view.getUint8(at + 1) + 1) * 8
    }
    if (at + 8 > end) return false
    const word = view.getUint16(at + 2)
    this.header = at - offset
    this.nextHeader = view.getUint8(at)
    this.id = view.getInt32(at + 4)
    this.payload = at + 8
    this.from = word & 0xfff8
    this.isLast = (word & 1) === 0
    return true
  }
}
