import type { Flow } from './flow.ts'

export type Written = (error?: Error | null) => void

/** What the writer of a stream has handed over and the stack has not yet taken. There is one at a time. */
export class PendingWrite {
  /** Bytes handed over in all, while any of them is left; else 0. */
  bytes = 0
  #chunks: readonly Uint8Array[] = []
  #first = 0
  /** Bytes of the first chunk that are gone. */
  #gone = 0
  #done: Written | undefined

  begin(chunks: readonly Uint8Array[], done: Written): void {
    this.#chunks = chunks
    this.#first = 0
    this.#gone = 0
    this.#done = done
    for (const { length } of chunks) this.bytes += length
  }

  /** Hands on as much as the flow takes; the writer is told when that is everything. True if it took something. */
  push(flow: Flow): boolean {
    let total = 0
    for (; this.#first < this.#chunks.length; this.#first++) {
      const chunk = this.#chunks[this.#first] as Uint8Array
      const rest = this.#gone === 0 ? chunk : chunk.subarray(this.#gone)
      const taken = flow.write(rest)
      total += taken
      if (taken < rest.length) {
        this.#gone += taken
        return total > 0
      }
      this.#gone = 0
    }
    this.#finish(null)
    return total > 0
  }

  /** It will not be written. */
  fail(error: Error): void {
    this.#finish(error)
  }

  #finish(error: Error | null): void {
    const done = this.#done
    this.#chunks = []
    this.#done = undefined
    this.bytes = 0
    done?.(error)
  }
}
