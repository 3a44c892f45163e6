import type { OpenSsl } from '@millrace/native'
import { SEAL_HEADROOM, TAG_LENGTH } from './provider.ts'

/**
 * The packet memory used last, with its address: a data path has one, so asking for another is rare. Holding on to it
 * keeps the address good.
 */
export class NativeMemory {
  readonly #openSsl: OpenSsl
  /** Empty until the first use, and never asked for an address then: no packet fits into it. */
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(this.bytes.buffer)
  /** Address of the first byte. */
  base = 0

  constructor(openSsl: OpenSsl) {
    this.#openSsl = openSsl
  }

  /** Makes `memory` the one in use for sealing. A caller's mistake ends here, not in somebody else's memory. */
  useToSeal(memory: Uint8Array, offset: number, length: number): void {
    if (!(offset >= SEAL_HEADROOM && length >= 0 && offset + length + TAG_LENGTH <= memory.length)) {
      throw new RangeError('no room to seal: 64 bytes before the plaintext, 16 behind it')
    }
    if (memory !== this.bytes) this.#locate(memory)
  }

  /** The same for opening; false if there cannot be a sealed message. `length` includes the tag. */
  useToOpen(memory: Uint8Array, offset: number, length: number): boolean {
    if (!(offset >= 0 && length >= TAG_LENGTH && offset + length <= memory.length)) return false
    if (memory !== this.bytes) this.#locate(memory)
    return true
  }

  #locate(memory: Uint8Array): void {
    this.base = this.#openSsl.addressOf(memory)
    this.view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
    this.bytes = memory
  }
}
