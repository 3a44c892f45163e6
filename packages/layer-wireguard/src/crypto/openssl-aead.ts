import type { ChaCha20Poly1305Calls, OpenSsl } from '@millrace/native'
import { NativeKey } from './native-key.ts'
import { NativeMemory } from './native-memory.ts'
import { type Aead, type NativeCipher, SEAL_HEADROOM, TAG_LENGTH } from './provider.ts'

/** A block of ChaCha20. Of block 0 the first half is the one-time key of Poly1305 (RFC 8439 §2.6). */
const BLOCK = 64
const ONE_TIME_KEY = 32

// What lies where in the scratch memory. The Poly1305 context comes last: only OpenSSL knows its size.
const COUNTER = 0
const LENGTHS = 16
const TAG = 32
const KEY_BLOCK = 64
const ZEROS = KEY_BLOCK + BLOCK
const CONTEXT = ZEROS + BLOCK

/** ChaCha20-Poly1305 put together from OpenSSL's own ChaCha20 and Poly1305: no object, no fetch, four calls a packet. */
export function openSslAead(openSsl: OpenSsl | undefined): Aead | undefined {
  const calls = openSsl?.chacha20Poly1305
  if (openSsl === undefined || calls === undefined) return undefined
  const cipher = new OpenSslCipher(openSsl, calls)
  return { name: cipher.name, cipher, aead: (key) => new NativeKey(openSsl, cipher, key) }
}

/** Nothing of a key stays behind here: Poly1305_Final wipes the context, and what else there was is wiped with it. */
class OpenSslCipher implements NativeCipher {
  readonly name = 'openssl'
  readonly #calls: ChaCha20Poly1305Calls
  readonly #memory: NativeMemory
  readonly #scratch: Uint8Array
  readonly #view: DataView
  /** Block and nonce as ChaCha20_ctr32 has them, words in host order. */
  readonly #counter: Uint32Array
  readonly #address: number

  constructor(openSsl: OpenSsl, calls: ChaCha20Poly1305Calls) {
    this.#calls = calls
    this.#memory = new NativeMemory(openSsl)
    this.#scratch = new Uint8Array(CONTEXT + calls.Poly1305_ctx_size())
    this.#view = new DataView(this.#scratch.buffer)
    this.#counter = new Uint32Array(this.#scratch.buffer, COUNTER, 4)
    this.#address = openSsl.addressOf(this.#scratch)
  }

  /** A block of zeros before the plaintext: one pass over both makes the one-time key and the ciphertext. */
  seal(key: number, high: number, low: number, memory: Uint8Array, offset: number, length: number): void {
    this.#memory.useToSeal(memory, offset, length)
    const start = offset - SEAL_HEADROOM
    const address = this.#memory.base + start
    const { view } = this.#memory
    clear(view, start, BLOCK)
    this.#setCounter(0, high, low)
    this.#calls.ChaCha20_ctr32(address, address, BLOCK + length, key, this.#address + COUNTER)
    this.#authenticate(address, offset, length, address + BLOCK + length)
    clear(view, start, ONE_TIME_KEY)
  }

  /** Verifies before it decrypts, so the one-time key takes a pass of its own. */
  open(key: number, high: number, low: number, memory: Uint8Array, offset: number, sealedLength: number): boolean {
    if (!this.#memory.useToOpen(memory, offset, sealedLength)) return false
    const length = sealedLength - TAG_LENGTH
    const { view } = this.#memory
    // The place of the tag is needed.
    const tag0 = view.getUint32(offset + length)
    const tag1 = view.getUint32(offset + length + 4)
    const tag2 = view.getUint32(offset + length + 8)
    const tag3 = view.getUint32(offset + length + 12)
    const scratch = this.#address
    this.#setCounter(0, high, low)
    this.#calls.ChaCha20_ctr32(scratch + KEY_BLOCK, scratch + ZEROS, BLOCK, key, scratch + COUNTER)
    this.#authenticate(scratch + KEY_BLOCK, offset, length, scratch + TAG)
    clear(this.#view, KEY_BLOCK, ONE_TIME_KEY)
    // Without an early exit: the time must not tell how much of a forged tag is right.
    const difference =
      (this.#view.getUint32(TAG) ^ tag0) |
      (this.#view.getUint32(TAG + 4) ^ tag1) |
      (this.#view.getUint32(TAG + 8) ^ tag2) |
      (this.#view.getUint32(TAG + 12) ^ tag3)
    // Also the right tag of a forgery must not stay behind.
    clear(this.#view, TAG, TAG_LENGTH)
    if (difference !== 0) return false
    if (length === 0) return true
    this.#counter[0] = 1
    const text = this.#memory.base + offset
    this.#calls.ChaCha20_ctr32(text, text, length, key, scratch + COUNTER)
    return true
  }

  /**
   * Puts the tag of `length` bytes of ciphertext at the address `tag` (RFC 8439 §2.8, without associated data). Padding
   * and block of lengths are written behind the ciphertext, into the place of the packet's own tag and, where there is
   * padding, up to 16 bytes beyond, which are put back: one call less, 70 ns of 1,700 (packets as long as the usual MTU
   * of 1,420 have padding).
   */
  #authenticate(oneTimeKey: number, offset: number, length: number, tag: number): void {
    const { base, view } = this.#memory
    const context = this.#address + CONTEXT
    const end = offset + length
    const padding = -length & 15
    this.#calls.Poly1305_Init(context, oneTimeKey)
    if (padding === 0) {
      writeLengths(view, end, length)
      this.#calls.Poly1305_Update(context, base + offset, length + 16)
    } else if (end + 32 <= view.byteLength) {
      const beyond = end + 16
      const word0 = view.getUint32(beyond)
      const word1 = view.getUint32(beyond + 4)
      const word2 = view.getUint32(beyond + 8)
      const word3 = view.getUint32(beyond + 12)
      clear(view, end, 16)
      writeLengths(view, end + padding, length)
      this.#calls.Poly1305_Update(context, base + offset, length + padding + 16)
      view.setUint32(beyond, word0)
      view.setUint32(beyond + 4, word1)
      view.setUint32(beyond + 8, word2)
      view.setUint32(beyond + 12, word3)
    } else {
      clear(view, end, 16)
      writeLengths(this.#view, LENGTHS, length)
      this.#calls.Poly1305_Update(context, base + offset, length + padding)
      this.#calls.Poly1305_Update(context, this.#address + LENGTHS, 16)
    }
    this.#calls.Poly1305_Final(context, tag)
  }

  /** WireGuard's nonce: 4 zero bytes, then the counter, little endian (paper §5.4.6). */
  #setCounter(block: number, high: number, low: number): void {
    this.#counter[0] = block
    this.#counter[2] = low
    this.#counter[3] = high
  }
}

/** The last block that is authenticated: no associated data, `length` bytes of ciphertext, each as a 64-bit number. */
function writeLengths(view: DataView, at: number, length: number): void {
  view.setFloat64(at, 0)
  view.setUint32(at + 8, length, true)
  view.setUint32(at + 12, 0)
}

/** Overwrites a multiple of 8 bytes; for so few `fill` takes five times as long. */
function clear(view: DataView, at: number, length: number): void {
  for (let i = at; i < at + length; i += 8) view.setFloat64(i, 0)
}
