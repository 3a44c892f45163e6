import type { SeededRandom } from '@millrace/core/testing'
import type { CloseCause } from '../tcp/listener.ts'
import type { Tcp } from '../tcp/tcp.ts'

/** The byte at `position` of the stream named `seed`; one out of place is found out. */
function streamByte(seed: number, position: number): number {
  return Math.imul(Math.imul(position ^ seed, 0x9e3779b1) ^ (position >>> 11), 0x85ebca6b) >>> 24
}

/** The owner of one end of a connection: writes a stream in pieces of many sizes, and checks the one that it reads. */
export class StreamEnd {
  written = 0
  read = 0
  /** The first byte that was wrong, by its position, or -1. */
  wrongAt = -1
  ended = false
  cause: CloseCause | undefined
  handle = -1
  /** While true nothing is read. */
  paused = false
  readonly #tcp: Tcp
  readonly #random: SeededRandom
  readonly #seed: number
  readonly #peerSeed: number
  readonly size: number
  readonly #piece = new Uint8Array(100_000)

  constructor(tcp: Tcp, random: SeededRandom, seed: number, peerSeed: number, size: number) {
    this.#tcp = tcp
    this.#random = random
    this.#seed = seed
    this.#peerSeed = peerSeed
    this.size = size
  }

  get isDone(): boolean {
    return this.cause === 'finished' && this.ended && this.written === this.size
  }

  /** Writes until no more is taken, then half-closes. */
  write(): void {
    while (this.written < this.size) {
      const wanted = Math.min(this.#random.uint32() % this.#piece.length, this.size - this.written) || 1
      for (let i = 0; i < wanted; i++) this.#piece[i] = streamByte(this.#seed, this.written + i)
      const taken = this.#tcp.write(this.handle, this.#piece.subarray(0, wanted))
      this.written += taken
      if (taken < wanted) return
    }
    this.#tcp.shutdown(this.handle)
  }

  drain(): void {
    while (!this.paused) {
      const into = this.#piece.subarray(0, 1 + (this.#random.uint32() % this.#piece.length))
      const count = this.#tcp.read(this.handle, into)
      for (let i = 0; i < count; i++) {
        if (into[i] !== streamByte(this.#peerSeed, this.read + i) && this.wrongAt < 0) this.wrongAt = this.read + i
      }
      this.read += count
      if (this.#tcp.ended(this.handle)) this.ended = true
      if (count === 0) return
    }
  }
}
