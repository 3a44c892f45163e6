/** 8-byte units of the largest datagram, in 32-bit words. */
const WORDS = 256

/** Which bytes of a datagram have come. */
export const FRESH = 0
/** All of them had come before. */
export const REPEATED = 1
/** Some of them had. */
export const OVERLAPPING = 2

/** For each of some datagrams, which of its 8-byte units have come: one bit a unit, so that no order of arrival costs more than another. */
export class FragmentMap {
  readonly #bits: Uint32Array
  readonly #units: Uint16Array

  constructor(datagrams: number) {
    this.#bits = new Uint32Array(datagrams * WORDS)
    this.#units = new Uint16Array(datagrams)
  }

  clear(datagram: number): void {
    this.#bits.fill(0, datagram * WORDS, (datagram + 1) * WORDS)
    this.#units[datagram] = 0
  }

  /** Units that have come. */
  units(datagram: number): number {
    return this.#units[datagram] as number
  }

  /** Notes units `from` to `end` - 1 if none of them had come before; tells whether some or all had. */
  add(datagram: number, from: number, end: number): number {
    let seen = 0
    for (let unit = from; unit < end; unit = nextWord(unit)) {
      const taken = this.#word(datagram, unit) & mask(unit, end)
      seen += popCount(taken)
    }
    if (seen > 0) return seen === end - from ? REPEATED : OVERLAPPING
    for (let unit = from; unit < end; unit = nextWord(unit)) {
      this.#bits[datagram * WORDS + (unit >>> 5)] = this.#word(datagram, unit) | mask(unit, end)
    }
    this.#units[datagram] = (this.#units[datagram] as number) + end - from
    return FRESH
  }

  #word(datagram: number, unit: number): number {
    return this.#bits[datagram * WORDS + (unit >>> 5)] as number
  }
}

function nextWord(unit: number): number {
  return (unit | 31) + 1
}

/** The bits of units `unit` to `end` - 1 in the word of `unit`. */
function mask(unit: number, end: number): number {
  const low = -1 << (unit & 31)
  return end >= nextWord(unit) ? low : low & ~(-1 << (end & 31))
}

function popCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555)
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}
