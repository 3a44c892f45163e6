/**
 * struct virtio_net_hdr (linux/virtio_net.h), which a TUN with IFF_VNET_HDR has before every packet, in the byte order of
 * the machine; every processor this runs on is little-endian.
 */
export const VIRTIO_HEADER = 10

// Where its fields are: u8 flags, u8 gso_type, then u16 each.
const FLAGS = 0
const GSO_TYPE = 1
const HEADER_LENGTH = 2
const GSO_SIZE = 4
const CHECKSUM_START = 6
const CHECKSUM_OFFSET = 8

/** Of `flags`: from `checksumStart` on the packet is yet to be summed up; the field holds the pseudo-header's sum. */
export const NEEDS_CHECKSUM = 1

export const GSO_NONE = 0
export const GSO_TCPV4 = 1
export const GSO_TCPV6 = 4
/** Linux 6.2. */
export const GSO_UDP_L4 = 5
/** Beside one of the others: CWR is set, and belongs to the first segment only (RFC 3168 §6.1.2). */
export const GSO_ECN = 0x80

/** The header at a place in memory that the caller knows to be there. One object, pointed at one header after the other. */
export class VirtioHeader {
  view: DataView
  at = 0

  constructor(view: DataView) {
    this.view = view
  }

  get flags(): number {
    return this.view.getUint8(this.at + FLAGS)
  }

  get gsoType(): number {
    return this.view.getUint8(this.at + GSO_TYPE)
  }

  get gsoSize(): number {
    return this.view.getUint16(this.at + GSO_SIZE, true)
  }

  get checksumStart(): number {
    return this.view.getUint16(this.at + CHECKSUM_START, true)
  }

  get checksumOffset(): number {
    return this.view.getUint16(this.at + CHECKSUM_OFFSET, true)
  }

  /** Of a packet that is whole: no flags, no segments. */
  clear(): void {
    const { view, at } = this
    view.setUint32(at, 0)
    view.setUint32(at + 4, 0)
    view.setUint16(at + 8, 0)
  }

  /** Of a packet whose checksum the kernel is to complete, and which it is to cut where `gsoType` is not none. */
  set(gsoType: number, headerLength: number, gsoSize: number, checksumStart: number, checksumOffset: number): void {
    const { view, at } = this
    view.setUint8(at + FLAGS, NEEDS_CHECKSUM)
    view.setUint8(at + GSO_TYPE, gsoType)
    view.setUint16(at + HEADER_LENGTH, headerLength, true)
    view.setUint16(at + GSO_SIZE, gsoSize, true)
    view.setUint16(at + CHECKSUM_START, checksumStart, true)
    view.setUint16(at + CHECKSUM_OFFSET, checksumOffset, true)
  }
}
