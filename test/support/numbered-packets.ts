import { ipv4, udpSegment } from '@millrace/core/testing'

const TEMPLATES = 64

/** Packets of many sizes that carry their number, so that any alteration and any repetition shows. */
export class NumberedPackets {
  readonly #templates: readonly Uint8Array[]
  #sent = 0

  constructor(source: string, destination: string) {
    this.#templates = Array.from({ length: TEMPLATES }, (_, i) => {
      const data = Uint8Array.from({ length: 4 + ((i * 421) % 1300) }, (_, at) => Math.imul(i + at, 40503) >>> 8)
      return ipv4({ source, destination }, udpSegment({ sourcePort: 7000, destinationPort: 7001 }, data))
    })
  }

  get sent(): number {
    return this.#sent
  }

  next(): Uint8Array {
    return this.make(this.#sent++)
  }

  make(number: number): Uint8Array {
    const bytes = (this.#templates[number % TEMPLATES] as Uint8Array).slice()
    new DataView(bytes.buffer).setUint32(28, number)
    return bytes
  }
}

/** Checks what arrives against what a {@link NumberedPackets} makes, and remembers when it did. */
export class Receipt {
  readonly #packets: NumberedPackets
  readonly #seen = new Set<number>()
  repeated = 0
  altered = 0
  lastAt = 0
  /** Milliseconds. */
  longestGap = 0

  constructor(packets: NumberedPackets) {
    this.#packets = packets
  }

  get received(): number {
    return this.#seen.size
  }

  take(bytes: Uint8Array, now: number): void {
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(28)
    if (this.#seen.has(number)) this.repeated++
    this.#seen.add(number)
    if (Buffer.compare(bytes, this.#packets.make(number)) !== 0) this.altered++
    this.longestGap = Math.max(this.longestGap, now - this.lastAt)
    this.lastAt = now
  }

  /** The longest time without a packet since the last `resetGap`, the one that still lasts included. */
  gap(now: number): number {
    return Math.max(this.longestGap, now - this.lastAt)
  }

  resetGap(now: number): void {
    this.longestGap = 0
    this.lastAt = now
  }
}
