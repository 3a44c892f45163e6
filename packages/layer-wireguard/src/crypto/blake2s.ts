import { compress, forgetBlock, INITIAL } from './blake2s-rounds.ts'

export const BLOCK = 64
export const HASH_LENGTH = 32

/** BLAKE2s (RFC 7693) of one message after another, in memory that is used again. */
export class Blake2s {
  readonly #state = new Int32Array(8)
  readonly #block = new Uint8Array(BLOCK)
  readonly #view = new DataView(this.#block.buffer)
  /** Bytes that wait in the block. */
  #waiting = 0
  /** Bytes compressed. */
  #count = 0

  /** A message whose hash has `outputLength` bytes, 1 to 32; with `key`, of up to 32 bytes, its MAC. */
  begin(outputLength: number, key?: Uint8Array): void {
    const keyLength = key?.length ?? 0
    if (keyLength > 32) throw new RangeError('a key of BLAKE2s has at most 32 bytes')
    beginState(this.#state, outputLength, keyLength)
    this.#count = 0
    this.#waiting = 0
    if (key === undefined || keyLength === 0) return
    this.#block.fill(0)
    this.#block.set(key)
    this.#waiting = BLOCK
  }

  update(part: Uint8Array): void {
    const block = this.#block
    let waiting = this.#waiting
    for (let i = 0; i < part.length; i++) {
      // Not before there is another byte: the last block is compressed as such.
      if (waiting === BLOCK) {
        this.#count += BLOCK
        compress(this.#state, this.#view, this.#count, false)
        waiting = 0
      }
      block[waiting++] = part[i] as number
    }
    this.#waiting = waiting
  }

  /** Goes on behind one block, with which `state` was made and which is not the last. */
  resume(state: Int32Array): void {
    copyState(state, this.#state)
    this.#count = BLOCK
    this.#waiting = 0
  }

  /** The words of the hash, until the next message. */
  finish(): Int32Array {
    const block = this.#block
    for (let i = this.#waiting; i < BLOCK; i++) block[i] = 0
    compress(this.#state, this.#view, this.#count + this.#waiting, true)
    return this.#state
  }

  wipe(): void {
    this.#state.fill(0)
    this.#block.fill(0)
    forgetBlock()
  }
}

/** The state before the first block (RFC 7693 §2.5, §3.3). */
export function beginState(state: Int32Array, outputLength: number, keyLength: number): void {
  copyState(INITIAL, state)
  state[0] = (INITIAL[0] as number) ^ 0x0101_0000 ^ (keyLength << 8) ^ outputLength
}

/** For eight words `set` takes five times as long. */
export function copyState(from: Int32Array, to: Int32Array): void {
  for (let i = 0; i < 8; i++) to[i] = from[i] as number
}

/** The first `length` bytes of a hash given as words. */
export function bytesOf(words: Int32Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (words[i >> 2] as number) >>> (8 * (i & 3))
  return bytes
}

const blake2s = new Blake2s()

/** BLAKE2s-256 of the parts one after another (RFC 7693). */
export function hash(...parts: readonly Uint8Array[]): Uint8Array {
  return digest(HASH_LENGTH, undefined, parts)
}

/** Keyed BLAKE2s with a 16-byte result: the MACs and the cookie (paper §5.4.4). */
export function keyedMac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return digest(16, key, parts)
}

function digest(length: number, key: Uint8Array | undefined, parts: readonly Uint8Array[]): Uint8Array {
  blake2s.begin(length, key)
  for (const part of parts) blake2s.update(part)
  const output = bytesOf(blake2s.finish(), length)
  blake2s.wipe()
  return output
}
