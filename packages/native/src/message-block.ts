import type { SystemCalls } from './system-calls.ts'

// <sys/socket.h>, 64 bits: struct mmsghdr (a struct msghdr and a length), struct iovec, struct sockaddr_in6 with padding.
const MESSAGE = 64
const NAME_POINTER = 0
const NAME_LENGTH = 8
const VECTOR_POINTER = 16
const VECTOR_COUNT = 24
const CONTROL_POINTER = 32
const CONTROL_LENGTH = 40
const TRANSFERRED = 56
const VECTOR = 16
const NAME = 32

/** struct sockaddr_in6 as words in the order of memory: family and port, flow label, address, scope. IPv4: two words, zeros. */
export const NAME_WORDS = 7
export const NAME_SIZE_IPV4 = 16
export const NAME_SIZE = 28
/** Room for the control messages of one message, bytes: more than all that are ever asked for together. */
export const CONTROL_SIZE = 128

/**
 * An array of struct mmsghdr and all that they point to, made once and filled anew for each call: a name and control
 * messages for each, and vectors that they share.
 */
export class MessageBlock {
  /** Where the first message lies. */
  readonly address: number
  /** The bytes, for control messages. */
  readonly view: DataView
  /** The words of each message's socket address. */
  readonly names: readonly Int32Array[]
  readonly #words: Uint32Array
  readonly #vectors: number
  readonly #controls: number

  constructor(system: SystemCalls, messages: number, vectors: number) {
    this.#vectors = messages * MESSAGE
    const names = this.#vectors + vectors * VECTOR
    this.#controls = names + messages * NAME
    const bytes = new Uint8Array(this.#controls + messages * CONTROL_SIZE)
    this.address = system.addressOf(bytes)
    this.view = new DataView(bytes.buffer)
    this.#words = new Uint32Array(bytes.buffer)
    this.names = Array.from({ length: messages }, (_, i) => {
      this.#point(i * MESSAGE + NAME_POINTER, this.address + names + i * NAME)
      return new Int32Array(bytes.buffer, names + i * NAME, NAME_WORDS)
    })
  }

  /** Where a message lies, for a call that begins with it. */
  at(message: number): number {
    return this.address + message * MESSAGE
  }

  nameLength(message: number): number {
    return this.#words[(message * MESSAGE + NAME_LENGTH) >> 2] as number
  }

  setNameLength(message: number, length: number): void {
    this.#words[(message * MESSAGE + NAME_LENGTH) >> 2] = length
  }

  /** What recvmmsg(2) says of a message: bytes that came in. */
  received(message: number): number {
    return this.#words[(message * MESSAGE + TRANSFERRED) >> 2] as number
  }

  setVectors(message: number, first: number, count: number): void {
    this.#point(message * MESSAGE + VECTOR_POINTER, this.address + this.#vectors + first * VECTOR)
    this.#words[(message * MESSAGE + VECTOR_COUNT) >> 2] = count
  }

  setVector(vector: number, address: number, size: number): void {
    const at = this.#vectors + vector * VECTOR
    this.#point(at, address)
    this.#words[(at + 8) >> 2] = size
  }

  vectorAddress(vector: number): number {
    const word = (this.#vectors + vector * VECTOR) >> 2
    return (this.#words[word] as number) + (this.#words[word + 1] as number) * 0x1_0000_0000
  }

  vectorSize(vector: number): number {
    return this.#words[(this.#vectors + vector * VECTOR + 8) >> 2] as number
  }

  /** Where the control messages of a message begin in `view`. */
  control(message: number): number {
    return this.#controls + message * CONTROL_SIZE
  }

  controlLength(message: number): number {
    return this.#words[(message * MESSAGE + CONTROL_LENGTH) >> 2] as number
  }

  /** `from` and `to` are counted from the beginning of the message's room for control messages. */
  setControl(message: number, from: number, to: number): void {
    const at = message * MESSAGE
    this.#point(at + CONTROL_POINTER, this.address + this.control(message) + from)
    this.#words[(at + CONTROL_LENGTH) >> 2] = to - from
  }

  /** A u64 without a BigInt: below 2^53, as every address of a process is. */
  #point(at: number, address: number): void {
    this.#words[at >> 2] = address
    this.#words[(at >> 2) + 1] = address / 0x1_0000_0000
  }
}
