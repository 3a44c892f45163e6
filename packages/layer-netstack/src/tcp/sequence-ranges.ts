import { distance, isAfter, isBefore, laterOf } from './sequence.ts'

/** Sequence ranges, ascending, neither overlapping nor touching each other; at most `capacity`. */
export class SequenceRanges {
  count = 0
  readonly starts: Int32Array
  readonly ends: Int32Array

  constructor(capacity: number) {
    this.starts = new Int32Array(capacity)
    this.ends = new Int32Array(capacity)
  }

  /** The first range that ends at or behind `sequence`, or `count`. */
  search(sequence: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(this.ends[middle] as number, sequence)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Adds `start` to `end`, which may overlap anything. False, and nothing has changed, if there is no room. */
  add(start: number, end: number): boolean {
    const first = this.search(start)
    let last = first
    let from = start
    let to = end
    // All that overlap or touch it become one with it.
    while (last < this.count && !isAfter(this.starts[last] as number, to)) {
      if (isBefore(this.starts[last] as number, from)) from = this.starts[last] as number
      to = laterOf(to, this.ends[last] as number)
      last++
    }
    if (last === first) {
      if (this.count === this.starts.length) return false
      this.#move(first, first + 1)
    } else if (last > first + 1) this.#move(last, first + 1)
    this.starts[first] = from
    this.ends[first] = to
    return true
  }

  /** Takes out the first range. */
  shift(): void {
    this.#move(1, 0)
  }

  /** Whether a range has to be added anew for `start` to `end`, as it touches none. */
  isApart(start: number, end: number): boolean {
    const at = this.search(start)
    return at === this.count || distance(this.starts[at] as number, end) < 0
  }

  /** Moves the ranges from `from` on to `to`. */
  #move(from: number, to: number): void {
    this.starts.copyWithin(to, from, this.count)
    this.ends.copyWithin(to, from, this.count)
    this.count += to - from
  }
}
