import { type AeadKey, type NativeCipher, SEAL_HEADROOM, TAG_LENGTH } from '../crypto/provider.ts'
import { sealMessage } from '../device/seal-message.ts'
import { KEEPALIVE_LENGTH, NOT_AUTHENTIC, TRANSPORT_HEADER_LENGTH } from '../proto/messages.ts'
import {
  ENTRY_COUNTER_HIGH,
  ENTRY_COUNTER_LOW,
  ENTRY_INDEX,
  ENTRY_KEY,
  ENTRY_KIND,
  ENTRY_LENGTH,
  ENTRY_OFFSET,
  ENTRY_STRIDE,
  entryAt,
  type JobRing,
  KIND_FAILED,
  KIND_SEAL,
} from './job-ring.ts'

/** Words of content in the room that sealing needs; the rest of it is for the tag before, and for the header. */
const CONTENT_WORDS = (SEAL_HEADROOM - TAG_LENGTH - TRANSPORT_HEADER_LENGTH) / 4

/** Does jobs, on whichever thread: seals and opens in place, by the key that the entry names. */
export class Performer {
  readonly #ring: JobRing
  readonly #memory: Uint8Array
  readonly #view: DataView
  readonly #key: KeyAt
  readonly #content = new Int32Array(CONTENT_WORDS)

  /** `memory` is that of the packets, as this thread sees it. */
  constructor(ring: JobRing, memory: Uint8Array, cipher: NativeCipher) {
    this.#ring = ring
    this.#memory = memory
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
    this.#key = new KeyAt(cipher)
  }

  /** Does a claimed job, but does not finish it. */
  perform(job: number): void {
    const { words } = this.#ring
    const end = this.#ring.end(job)
    for (let entry = this.#ring.begin(job); entry !== end; entry = (entry + 1) | 0) {
      const at = entryAt(entry)
      try {
        this.#key.address = ((words[at + ENTRY_KEY] as number) >>> 0) + (words[at + ENTRY_KEY + 1] as number) * 2 ** 32
        if (words[at + ENTRY_KIND] === KIND_SEAL) this.#seal(words, at)
        else this.#open(words, at)
      } catch {
        words[at + ENTRY_KIND] = KIND_FAILED
      }
    }
  }

  /** Overwrites what this thread may still have of a key. */
  forget(): void {
    this.#key.wipe()
  }

  /** The last goes first. Before each lies one that is not sealed yet, of which `AeadKey.seal` needs the place of the end. */
  #seal(words: Int32Array, at: number): void {
    const offset = words[at + ENTRY_OFFSET] as number
    const end = offset + (words[at + ENTRY_LENGTH] as number)
    const stride = words[at + ENTRY_STRIDE] as number
    const high = (words[at + ENTRY_COUNTER_HIGH] as number) >>> 0
    const low = (words[at + ENTRY_COUNTER_LOW] as number) >>> 0
    const index = (words[at + ENTRY_INDEX] as number) >>> 0
    for (let i = Math.ceil((end - offset) / stride) - 1; i >= 0; i--) {
      const message = offset + i * stride
      const padded = Math.min(stride, end - message) - KEEPALIVE_LENGTH
      const counter = (low + i) >>> 0
      const carried = counter < low ? (high + 1) >>> 0 : high
      if (i > 0) this.#save(message - SEAL_HEADROOM + TRANSPORT_HEADER_LENGTH)
      sealMessage(this.#key, this.#memory, this.#view, message, padded, index, carried, counter)
      if (i > 0) this.#restore(message - SEAL_HEADROOM + TRANSPORT_HEADER_LENGTH)
    }
  }

  #save(at: number): void {
    for (let i = 0; i < CONTENT_WORDS; i++) this.#content[i] = this.#view.getInt32(at + i * 4)
  }

  #restore(at: number): void {
    for (let i = 0; i < CONTENT_WORDS; i++) this.#view.setInt32(at + i * 4, this.#content[i] as number)
  }

  #open(words: Int32Array, at: number): void {
    const offset = words[at + ENTRY_OFFSET] as number
    const end = offset + (words[at + ENTRY_LENGTH] as number)
    const stride = words[at + ENTRY_STRIDE] as number
    const view = this.#view
    for (let message = offset; message < end; message += stride) {
      const low = view.getUint32(message + 8, true)
      const high = view.getUint32(message + 12, true)
      const sealed = message + TRANSPORT_HEADER_LENGTH
      const length = Math.min(stride, end - message) - TRANSPORT_HEADER_LENGTH
      if (!this.#key.open(high, low, this.#memory, sealed, length)) this.#memory[message] = NOT_AUTHENTIC
    }
  }
}

/** Whatever key lies at an address. */
class KeyAt implements AeadKey {
  address = 0
  readonly #cipher: NativeCipher

  constructor(cipher: NativeCipher) {
    this.#cipher = cipher
  }

  seal(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): void {
    this.#cipher.seal(this.address, counterHigh, counterLow, memory, offset, length)
  }

  open(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): boolean {
    return this.#cipher.open(this.address, counterHigh, counterLow, memory, offset, length)
  }

  /** The key itself is another's. */
  wipe(): void {
    this.#cipher.forget?.()
  }
}
