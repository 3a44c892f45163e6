const SHIFT = 14

/** Bytes of a chunk. */
export const CHUNK: number = 1 << SHIFT

/**
 * The memory of all stream buffers, in chunks of 16 KiB, bounded. It is one allocation, of which the system gives only
 * what has been touched; the chunk given back last is taken first, so that what is used stays warm and the rest untouched.
 */
export class Slab {
  readonly memory: Uint8Array
  readonly chunks: number
  readonly #given: Int32Array
  #free = 0
  #fresh = 0

  constructor(bytes: number) {
    this.chunks = Math.max(Math.floor(bytes / CHUNK), 1)
    this.memory = new Uint8Array(this.chunks * CHUNK)
    this.#given = new Int32Array(this.chunks)
  }

  /** Bytes that are in nobody's hands. */
  get free(): number {
    return (this.#free + this.chunks - this.#fresh) * CHUNK
  }

  /** A chunk, by the place of its first byte in `memory`, or -1. */
  take(): number {
    if (this.#free > 0) return this.#given[--this.#free] as number
    return this.#fresh < this.chunks ? this.#fresh++ * CHUNK : -1
  }

  give(chunk: number): void {
    this.#given[this.#free++] = chunk
  }
}
