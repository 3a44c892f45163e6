/** One step of what a client sends. `value` is a view, good until the next step is asked for. */
export type UapiStep =
  | { readonly type: 'begin'; readonly operation: UapiOperation }
  | { readonly type: 'pair'; readonly key: string; readonly value: Uint8Array }
  /** The empty line that ends an operation. */
  | { readonly type: 'end' }
  /** A line inside an operation that is no `key=value`, or is too long. */
  | { readonly type: 'malformed' }
  /** A line outside of an operation that begins none: where the next one would begin cannot be known. */
  | { readonly type: 'stray'; readonly operation: UapiOperation }

export type UapiOperation = 'get' | 'set'

/** Bytes of a line at most; the longest that means anything has less than 100. */
export const MAXIMUM_LINE = 256

const NEWLINE = 0x0a
const EQUALS = 0x3d

/**
 * Cuts what a client sends into operations (wireguard.com/xplatform): lines of `key=value`, first `get=1` or `set=1`,
 * last an empty one. Takes bytes cut anywhere, keeps one unfinished line at most, and has an answer to all bytes.
 */
export class OperationParser {
  readonly #unfinished: Buffer = Buffer.alloc(MAXIMUM_LINE)
  /** Of the unfinished line, more than its bound if it does not fit. */
  #length = 0
  #isInside = false

  /** Whether the bytes so far end within a line or an operation. */
  get isUnfinished(): boolean {
    return this.#isInside || this.#length > 0
  }

  *parse(chunk: Uint8Array): Generator<UapiStep, void, undefined> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, start)
      const end = newline < 0 ? bytes.length : newline
      if (newline >= 0 && this.#length === 0) yield this.#step(bytes, start, end)
      else {
        this.#keep(bytes, start, end)
        if (newline >= 0) {
          yield this.#step(this.#unfinished, 0, this.#length)
          this.clear()
        }
      }
      start = end + 1
    }
  }

  /** Forgets and wipes the unfinished line: it may hold a key. */
  clear(): void {
    this.#unfinished.fill(0)
    this.#length = 0
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    if (this.#length + end - start <= MAXIMUM_LINE) bytes.copy(this.#unfinished, this.#length, start, end)
    this.#length = Math.min(this.#length + end - start, MAXIMUM_LINE + 1)
  }

  #step(bytes: Buffer, start: number, end: number): UapiStep {
    if (!this.#isInside) return this.#begin(end - start > MAXIMUM_LINE ? '' : bytes.toString('latin1', start, end))
    if (start === end) {
      this.#isInside = false
      return { type: 'end' }
    }
    const equals = end - start > MAXIMUM_LINE ? -1 : bytes.indexOf(EQUALS, start)
    if (equals < 0 || equals >= end) return { type: 'malformed' }
    return { type: 'pair', key: bytes.toString('latin1', start, equals), value: bytes.subarray(equals + 1, end) }
  }

  #begin(line: string): UapiStep {
    const operation = line.startsWith('set=') ? 'set' : 'get'
    if (line !== `${operation}=1`) return { type: 'stray', operation }
    this.#isInside = true
    return { type: 'begin', operation }
  }
}
