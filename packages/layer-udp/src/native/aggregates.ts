/** Sources as the network has them: of IPv4 the address in the first word; of IPv6 the upper half of it. */
export interface SourceList {
  readonly family: Uint8Array
  readonly high: Uint32Array
  readonly low: Uint32Array
  readonly length: number
}

/** A prefix of at most 64 bits; what lies behind `length` is zero. */
export interface Aggregate {
  readonly family: 4 | 6
  readonly high: number
  readonly low: number
  readonly length: number
}

/** Prefixes at most. The kernel compares each datagram of a flood with them. */
export const AGGREGATES = 8
const LONGEST = { 4: 32, 6: 64 } as const
/** Of a group, one in so many may be left out at one step. */
const LEFT_OUT_AT_ONCE = 32
/** From fewer nothing is concluded: that of so many none lies in a half of where they may come from is no chance. */
const FEWEST = 16

/**
 * A few prefixes, as narrow as can be, in which all but `leftOut` (0 to 1) of the sources lie: where a flood comes from
 * (aggregate-based congestion control, Mahajan et al. 2002). The widest is halved as long as there may be more.
 */
export function aggregatesOf(sources: SourceList, leftOut: number): readonly Aggregate[] {
  const search = new Search(sources, Math.floor(sources.length * leftOut))
  let found = search.families().map((family) => search.narrowed(family))
  while (found.length < AGGREGATES) {
    const widest = found.filter(mayBeHalved).toSorted((a, b) => a.length - b.length)[0]
    if (widest === undefined) break
    const halves = search.halves(widest).map((half) => search.narrowed(half))
    found = found.filter((group) => group !== widest).concat(halves)
  }
  return search.withoutTheFew(found).map((group) => prefixOf(sources, group))
}

/** Sources, by number, that have their first `length` bits in common. */
interface Group {
  readonly family: 4 | 6
  readonly length: number
  readonly members: readonly number[]
}

function mayBeHalved({ family, length, members }: Group): boolean {
  return length < LONGEST[family] && members.length >= 2 * FEWEST
}

class Search {
  readonly #sources: SourceList
  #mayBeLeftOut: number

  constructor(sources: SourceList, mayBeLeftOut: number) {
    this.#sources = sources
    this.#mayBeLeftOut = mayBeLeftOut
  }

  families(): readonly Group[] {
    const all = Array.from({ length: this.#sources.length }, (_, i) => i)
    const families = ([4, 6] as const).map((family) => {
      return { family, length: 0, members: all.filter((i) => this.#sources.family[i] === family) }
    })
    return this.withoutTheFew(families)
  }

  /** Leaves out whole groups, the smallest first. */
  withoutTheFew(groups: readonly Group[]): readonly Group[] {
    return groups
      .toSorted((a, b) => a.members.length - b.members.length)
      .filter(({ members }) => {
        if (members.length > this.#mayBeLeftOut) return true
        this.#mayBeLeftOut -= members.length
        return false
      })
  }

  /** Goes down to where the group divides, and past a few stragglers. */
  narrowed({ family, length, members }: Group): Group {
    while (length < LONGEST[family] && members.length >= FEWEST) {
      const [zeros, ones] = this.#divided(members, length)
      const [few, many] = zeros.length < ones.length ? [zeros, ones] : [ones, zeros]
      if (few.length > Math.min(members.length / LEFT_OUT_AT_ONCE, this.#mayBeLeftOut)) break
      this.#mayBeLeftOut -= few.length
      members = many
      length++
    }
    return { family, length, members }
  }

  halves({ family, length, members }: Group): readonly Group[] {
    return this.#divided(members, length).map((half) => ({ family, length: length + 1, members: half }))
  }

  #divided(members: readonly number[], bit: number): [number[], number[]] {
    const { high, low } = this.#sources
    const words = bit < 32 ? high : low
    const halves: [number[], number[]] = [[], []]
    for (const member of members) halves[((words[member] as number) >>> (31 - (bit & 31))) & 1]?.push(member)
    return halves
  }
}

function prefixOf({ high, low }: SourceList, { family, length, members }: Group): Aggregate {
  const first = members[0] as number
  return {
    family,
    high: ((high[first] as number) & maskOf(length)) >>> 0,
    low: ((low[first] as number) & maskOf(length - 32)) >>> 0,
    length,
  }
}

/** How many of the sources lie in none of the prefixes. */
export function countOutside({ family, high, low, length }: SourceList, prefixes: readonly Aggregate[]): number {
  let count = 0
  for (let i = 0; i < length; i++) {
    const contains = (prefix: Aggregate): boolean =>
      prefix.family === family[i] &&
      (((high[i] as number) ^ prefix.high) & maskOf(prefix.length)) === 0 &&
      (((low[i] as number) ^ prefix.low) & maskOf(prefix.length - 32)) === 0
    if (!prefixes.some(contains)) count++
  }
  return count
}

/** Of the `bits` upper bits of a word; signed. */
export function maskOf(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? -1 : -1 << (32 - bits)
}
