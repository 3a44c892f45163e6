interface Entry<T> {
  readonly at: number
  readonly order: number
  readonly item: T
}

/** A binary heap of deadlines: what is due first comes out first, equal ones in the order they went in. O(log n). */
export class Deadlines<T> {
  readonly #heap: Entry<T>[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** The earliest deadline, or Infinity. */
  get next(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  add(at: number, item: T): void {
    const heap = this.#heap
    const entry = { at, order: this.#order++, item }
    let i = heap.length
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(entry, heap[parent] as Entry<T>)) break
      heap[i] = heap[parent] as Entry<T>
      i = parent
    }
    heap[i] = entry
  }

  /** Takes out the earliest item if it is due at `now`. */
  take(now: number): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.at > now) return undefined
    const last = heap.pop() as Entry<T>
    if (heap.length === 0) return first.item
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Entry<T>, heap[child] as Entry<T>)) child++
      if (!before(heap[child] as Entry<T>, last)) break
      heap[i] = heap[child] as Entry<T>
      i = child
    }
    heap[i] = last
    return first.item
  }
}

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
