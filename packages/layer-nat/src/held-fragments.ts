import type { IpPacket, PacketPool } from '@millrace/core'

/** Fragments held at once, and of one datagram: 64 KiB are 47 of them at an MTU of 1,420. */
const HELD = 128
const HELD_EACH = 64

/** Copies of fragments that came before the first one of their datagram, a bounded number. */
export class HeldFragments {
  readonly #packets: (IpPacket | undefined)[] = new Array<IpPacket | undefined>(HELD).fill(undefined)
  readonly #datagrams = new Int32Array(HELD)
  readonly #counts: Uint16Array
  readonly #pool: PacketPool
  #length = 0

  constructor(datagrams: number, pool: PacketPool) {
    this.#counts = new Uint16Array(datagrams)
    this.#pool = pool
  }

  get isFull(): boolean {
    return this.#length === HELD
  }

  count(datagram: number): number {
    return this.#counts[datagram] as number
  }

  /** Keeps a copy; false where there is no room for it. */
  hold(datagram: number, packet: IpPacket): boolean {
    if (this.isFull || this.count(datagram) >= HELD_EACH) return false
    const copy = this.#pool.copy(packet)
    if (copy === undefined) return false
    this.#packets[this.#length] = copy
    this.#datagrams[this.#length++] = datagram
    this.#counts[datagram] = this.count(datagram) + 1
    return true
  }

  /** Takes out one that is held for the datagram, in no order; the caller releases it. */
  take(datagram: number): IpPacket | undefined {
    if (this.count(datagram) === 0) return undefined
    const place = this.#datagrams.subarray(0, this.#length).indexOf(datagram)
    const packet = this.#packets[place]
    this.#length--
    this.#packets[place] = this.#packets[this.#length]
    this.#packets[this.#length] = undefined
    this.#datagrams[place] = this.#datagrams[this.#length] as number
    this.#counts[datagram] = this.count(datagram) - 1
    return packet
  }
}
