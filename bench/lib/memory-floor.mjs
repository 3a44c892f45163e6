// What memory itself costs: as many rows as a session table has, of as many bytes each, and nothing done but to read one
// and write to its first 64 bytes. Which row is next is known only from the last one, as a look-up's is from its packet.

/** Bytes of a session's row in `packages/layer-nat/src/session-row.ts`. */
const ROW = 128
/** Where the C library leaves an ArrayBuffer to begin, so that a row is in as few lines as there. */
const TO_NEXT_LINE = 48
const STRIDE = 190_027

export class MemoryFloor {
  #rows
  #words
  #next = 0

  constructor(rows) {
    this.#rows = rows
    this.#words = new Int32Array(new ArrayBuffer(TO_NEXT_LINE + rows * ROW), TO_NEXT_LINE)
    // The memory is there once it is written to.
    for (let at = 0; at < this.#words.length; at += 16) this.#words[at] = 1
  }

  /** Nanoseconds of CPU time for a row. */
  slice(count, cpuTime) {
    const words = this.#words
    let row = this.#next
    const start = cpuTime()
    for (let i = 0; i < count; i++) {
      const at = row * (ROW / 4)
      words[at + 8] = words[at + 8] + 1
      words[at + 15] = words[at + 15] + 1
      row = (row + words[at] * STRIDE) % this.#rows
    }
    const took = cpuTime() - start
    this.#next = row
    return (took * 1e6) / count
  }
}
