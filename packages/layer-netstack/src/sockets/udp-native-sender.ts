import { Errno, errnoName, MessageBlock, NAME_WORDS, SOL_UDP, type SystemCalls, UDP_SEGMENT } from '@millrace/native'
import { nameSize, writeName } from './native-name.ts'
import type { NativeOutlet } from './udp-native-outlet.ts'
import type { OutletRemote } from './udp-outlet.ts'

/** Datagrams that wait at once, of all outlets, and messages of one sendmmsg(2). */
const PIECES = 1024
const MESSAGES = 64
/** What every kernel takes in one train (UDP_MAX_SEGMENTS before Linux 6.10), and its bytes in one IP packet. */
const TRAIN_SEGMENTS = 64
const TRAIN_SIZE = 65_487
const LARGEST = 65_535
// A control message UDP_SEGMENT: struct cmsghdr (length as u64, level, type), then a u16.
const SEGMENT_CONTROL = 24
const SEGMENT = 16

/**
 * Gathers the datagrams of all outlets, without a copy, and sends those of each together: neighbours of equal size to one
 * destination as one train (UDP_SEGMENT), as many trains as there are in one sendmmsg(2). What the system does not take at
 * once is dropped.
 */
export class NativeSender {
  readonly #system: SystemCalls
  readonly #memory: Uint8Array
  readonly #base: number
  readonly #drop: (reason: string, datagrams: number) => void
  readonly #block: MessageBlock
  /** Of each piece: where it lies, its bytes, the next of its outlet, and where it goes. */
  readonly #addresses = new Float64Array(PIECES)
  readonly #sizes = new Int32Array(PIECES)
  readonly #next = new Int32Array(PIECES)
  readonly #names = new Int32Array(PIECES * NAME_WORDS)
  #pieces = 0
  /** Those of which something waits. */
  readonly #outlets: NativeOutlet[] = []
  /** Of each message: its first vector, and how many it has; of its datagrams all but the last have `segments` bytes. */
  readonly #firsts = new Int32Array(MESSAGES)
  readonly #counts = new Int32Array(MESSAGES)
  readonly #segments = new Int32Array(MESSAGES)
  /** Whether the system takes trains. False once it has refused one. */
  #trains: boolean
  readonly #foreign = new Uint8Array(LARGEST)

  /** `memory` is that of the packets. `trains`: whether they may be tried. */
  constructor(
    system: SystemCalls,
    memory: Uint8Array,
    trains: boolean,
    drop: (reason: string, datagrams: number) => void,
  ) {
    this.#system = system
    this.#memory = memory
    this.#base = system.addressOf(memory)
    this.#trains = trains
    this.#drop = drop
    this.#block = new MessageBlock(system, MESSAGES, PIECES)
    for (let i = 0; i < MESSAGES; i++) {
      const at = this.#block.control(i)
      const { view } = this.#block
      view.setUint32(at, SEGMENT + 2, true)
      view.setInt32(at + 8, SOL_UDP, true)
      view.setInt32(at + 12, UDP_SEGMENT, true)
    }
  }

  /** Bytes in the memory of the packets stay where they are until `flush`. */
  add(outlet: NativeOutlet, bytes: Uint8Array, { address, port }: OutletRemote): void {
    if (this.#pieces === PIECES) this.flush()
    const piece = this.#pieces++
    const isOurs = bytes.buffer === this.#memory.buffer
    this.#addresses[piece] = isOurs ? this.#base - this.#memory.byteOffset + bytes.byteOffset : this.#copy(bytes)
    this.#sizes[piece] = bytes.length
    this.#next[piece] = -1
    writeName(this.#names, piece * NAME_WORDS, address, port)
    if (outlet.first < 0) {
      outlet.first = piece
      this.#outlets.push(outlet)
    } else this.#next[outlet.last] = piece
    outlet.last = piece
    if (!isOurs) this.flush()
  }

  flush(): void {
    if (this.#pieces === 0) return
    for (const outlet of this.#outlets) this.#send(outlet)
    this.#outlets.length = 0
    this.#pieces = 0
  }

  #copy(bytes: Uint8Array): number {
    this.#foreign.set(bytes)
    return this.#system.addressOf(this.#foreign)
  }

  #send(outlet: NativeOutlet): void {
    let piece = outlet.first
    outlet.first = -1
    while (piece >= 0) {
      let messages = 0
      let vectors = 0
      for (let room = 0; piece >= 0; piece = this.#next[piece] as number) {
        const size = this.#sizes[piece] as number
        if (room < size || size === 0 || !this.#joins(messages - 1, piece, outlet)) {
          if (messages === MESSAGES) break
          this.#begin(messages++, vectors, piece, outlet)
          room = Math.min(size * TRAIN_SEGMENTS, TRAIN_SIZE)
        }
        const message = messages - 1
        this.#block.setVector(vectors++, this.#addresses[piece] as number, size)
        this.#counts[message] = (this.#counts[message] as number) + 1
        // The first that is shorter is the last.
        room = size < (this.#segments[message] as number) ? 0 : room - size
      }
      this.#sendBlock(outlet, messages)
    }
  }

  /** Whether a piece may follow those of a message, as far as size and destination go. */
  #joins(message: number, piece: number, outlet: NativeOutlet): boolean {
    if (message < 0 || !this.#trains || !outlet.mayTrain) return false
    if ((this.#sizes[piece] as number) > (this.#segments[message] as number)) return false
    if (outlet.connectedTo !== undefined) return true
    const name = this.#block.names[message] as Int32Array
    const at = piece * NAME_WORDS
    const words = outlet.family === 4 ? 2 : 6
    for (let i = 0; i < words; i++) if (name[i] !== this.#names[at + i]) return false
    return true
  }

  #begin(message: number, vectors: number, piece: number, outlet: NativeOutlet): void {
    const name = this.#block.names[message] as Int32Array
    const at = piece * NAME_WORDS
    for (let i = 0; i < NAME_WORDS; i++) name[i] = this.#names[at + i] as number
    this.#block.setNameLength(message, outlet.connectedTo === undefined ? nameSize(outlet.family) : 0)
    this.#firsts[message] = vectors
    this.#counts[message] = 0
    this.#segments[message] = this.#sizes[piece] as number
  }

  #sendBlock(outlet: NativeOutlet, messages: number): void {
    const block = this.#block
    for (let i = 0; i < messages; i++) {
      const count = this.#counts[i] as number
      block.setVectors(i, this.#firsts[i] as number, count)
      block.setControl(i, 0, count > 1 ? SEGMENT_CONTROL : 0)
      if (count > 1) block.view.setUint16(block.control(i) + SEGMENT, this.#segments[i] as number, true)
    }
    for (let first = 0; first < messages; ) {
      const result = this.#system.sendmmsg(outlet.fd, block.at(first), messages - first, 0)
      if (result > 0) first += result
      else this.#refused(outlet, first++, result)
    }
  }

  /** One message was not taken: as single datagrams it may. */
  #refused(outlet: NativeOutlet, message: number, result: number): void {
    const count = this.#counts[message] as number
    const isTrain = result === -Errno.EIO || result === -Errno.EINVAL || result === -Errno.EMSGSIZE
    if (count === 1 || !isTrain) {
      this.#lost(outlet, message, result, count)
      return
    }
    const block = this.#block
    const first = this.#firsts[message] as number
    block.setControl(message, 0, 0)
    let sent = 0
    for (let vector = first; vector < first + count; vector++) {
      block.setVectors(message, vector, 1)
      const single = this.#system.sendmmsg(outlet.fd, block.at(message), 1, 0)
      if (single > 0) sent++
      else this.#lost(outlet, message, single, 1)
    }
    if (sent === 0) return
    // The way there has a smaller MTU, for one; but where the device cannot do it, no other outlet need try.
    outlet.mayTrain = false
    if (result === -Errno.EIO) this.#trains = false
  }

  #lost(outlet: NativeOutlet, message: number, result: number, datagrams: number): void {
    if (result === -Errno.EAGAIN || result === -Errno.ENOBUFS || result === -Errno.ENOMEM) {
      this.#drop('udp-send-queue-full', datagrams)
      return
    }
    outlet.owner.failed(errnoName(result), outlet.connectedTo ?? this.#remoteOf(outlet, message), datagrams)
  }

  #remoteOf({ family }: NativeOutlet, message: number): OutletRemote {
    const { buffer, byteOffset } = this.#block.names[message] as Int32Array
    const bytes = new Uint8Array(buffer, byteOffset, NAME_WORDS * 4)
    const at = family === 4 ? 4 : 8
    const port = (bytes[2] as number) * 256 + (bytes[3] as number)
    return { address: bytes.slice(at, at + (family === 4 ? 4 : 16)), port }
  }
}
