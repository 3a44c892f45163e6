import { FRAGMENT } from './ipv6-headers.ts'

const FRAGMENT_HEADER = 8
const BYTES = 48

/** An IPv6 header in the making, with a fragment header behind it or not. */
export class Ipv6Writer {
  /** Where the addresses are put: source at 8, destination at 24. */
  readonly view: DataView
  /** 40, or 48 with a fragment header. */
  length = 40
  #protocol = 0

  constructor() {
    this.view = new DataView(new ArrayBuffer(BYTES))
  }

  /** Begins a header without a fragment header; the flow label is 0. */
  begin(trafficClass: number, hopLimit: number, protocol: number): void {
    this.view.setUint32(0, 0x6000_0000 | (trafficClass << 20))
    this.view.setUint8(6, protocol)
    this.view.setUint8(7, hopLimit)
    this.#protocol = protocol
    this.length = 40
  }

  /** Adds a fragment header. `units` of 8 bytes lie before it. */
  fragment(units: number, moreFragments: boolean, id: number): void {
    const word = (units << 3) | (moreFragments ? 1 : 0)
    this.view.setUint8(6, FRAGMENT)
    this.view.setUint16(40, this.#protocol << 8)
    this.view.setUint16(42, word)
    this.view.setUint32(44, id)
    this.length = BYTES
  }

  /** Writes the header before `payload`, for `bytes` of it. Returns where it begins. */
  write(to: DataView, payload: number, bytes: number): number {
    this.view.setUint16(4, bytes + this.length - 40)
    const at = payload - this.length
    for (let i = 0; i < this.length; i += 4) to.setUint32(at + i, this.view.getUint32(i))
    return at
  }

  /** The most payload that a packet of `mtu` bytes with a fragment header has, unless it is the last. */
  static unitsIn(mtu: number): number {
    return Math.floor((mtu - 40 - FRAGMENT_HEADER) / 8)
  }
}
