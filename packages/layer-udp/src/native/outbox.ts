import type { Clock, Datagram, DropCounter, Logger } from '@millrace/core'
import { MessageBlock, NAME_SIZE, NAME_SIZE_IPV4, NAME_WORDS, type SystemCalls } from '@millrace/native'
import type { NativeAddress, NativeLocal } from './addresses.ts'
import { SEGMENT_CONTROL, writeSegment, writeSource, writeTrafficClass } from './control.ts'
import type { NativeSocket } from './native-socket.ts'
import { Resend } from './resend.ts'
import type { Sources } from './sources.ts'
import { mostSegments, Train } from './train.ts'

/** Messages of one sendmmsg(2), and pieces of memory that all of them point to together. */
const MESSAGES = 64
const VECTORS = 1024

/**
 * Gathers datagrams and sends them by sendmmsg(2); neighbours that go the same way become one train (UDP_SEGMENT) where
 * the socket can. Between `add` and `flush` the bytes stay where they are and as they are.
 */
export class Outbox {
  readonly #system: SystemCalls
  readonly #base: number
  readonly #clock: Clock
  readonly #block: MessageBlock
  readonly #resend: Resend
  readonly #trains: readonly Train[] = Array.from({ length: MESSAGES }, () => new Train())
  #socket: NativeSocket | undefined
  #length = 0
  #vectors = 0

  constructor(system: SystemCalls, memory: Uint8Array, sources: Sources, clock: Clock, logger: Logger) {
    this.#system = system
    this.#base = system.addressOf(memory)
    this.#clock = clock
    this.#block = new MessageBlock(system, MESSAGES, VECTORS + 1)
    this.#resend = new Resend(system, this.#block, VECTORS, sources, clock, logger)
  }

  /** The packet's bytes lie within the packet memory. What is not sent is counted in `drops`, now or by `flush`. */
  add(
    packet: Datagram,
    socket: NativeSocket,
    remote: NativeAddress,
    source: NativeLocal | undefined,
    drops: DropCounter,
  ): void {
    if (socket !== this.#socket) this.flush(drops)
    this.#socket = socket
    const { offset, length } = packet
    const segment = packet.segmentSize > 0 ? Math.min(packet.segmentSize | 0, length) : length
    let at = 0
    do {
      if (this.#vectors === VECTORS) this.flush(drops)
      const joined = this.#joined(packet, remote, source, segment, length - at)
      if (joined === undefined && this.#length === MESSAGES) this.flush(drops)
      const train = joined ?? this.#begin(packet, socket, remote, source, segment)
      const size = Math.min(length - at, train.room)
      this.#block.setVector(this.#vectors++, this.#base + offset + at, size)
      train.add(size)
      at += size
    } while (at < length)
  }

  flush(drops: DropCounter): void {
    const socket = this.#socket
    if (socket === undefined) return
    const count = this.#length
    for (let i = 0; i < count; i++) this.#finish(i, this.#trains[i] as Train)
    for (let first = 0; first < count; ) {
      const result = this.#system.sendmmsg(socket.fd, this.#block.at(first), count - first, 0)
      if (result > 0) first += result
      else {
        this.#resend.resend(socket, first, this.#trains[first] as Train, result, drops)
        first++
      }
    }
    this.#length = 0
    this.#vectors = 0
  }

  /** The last train, if it goes the same way and has room. */
  #joined(
    { local, trafficClass }: Datagram,
    remote: NativeAddress,
    source: NativeLocal | undefined,
    segment: number,
    size: number,
  ): Train | undefined {
    if (this.#length === 0) return undefined
    const train = this.#trains[this.#length - 1] as Train
    const same = train.remote === remote && train.source === source && train.local === local
    return same && train.trafficClass === trafficClass && train.takes(segment, size) ? train : undefined
  }

  #begin(
    { local, trafficClass }: Datagram,
    socket: NativeSocket,
    remote: NativeAddress,
    source: NativeLocal | undefined,
    segment: number,
  ): Train {
    const index = this.#length++
    const train = this.#trains[index] as Train
    train.remote = remote
    train.local = local
    train.source = source
    train.trafficClass = trafficClass
    // An empty datagram is a train of its own.
    train.segment = Math.max(segment, 1)
    train.segments = 0
    train.room = train.segment * (this.#mayBeJoined(socket, remote, segment) ? mostSegments(remote, train.segment) : 1)
    train.firstVector = this.#vectors
    train.vectors = 0
    this.#address(index, train, remote)
    return train
  }

  #mayBeJoined({ segmentation }: NativeSocket, remote: NativeAddress, segment: number): boolean {
    return segmentation && (segment <= remote.largestSegment || this.#clock.now() >= remote.limitedUntil)
  }

  /** Writes whom it goes to and the control messages, behind room for the one that makes it a train. */
  #address(index: number, train: Train, remote: NativeAddress): void {
    const { source, trafficClass } = train
    const { view } = this.#block
    const name = this.#block.names[index] as Int32Array
    for (let i = 0; i < NAME_WORDS; i++) name[i] = remote.words[i] as number
    this.#block.setNameLength(index, remote.family === 4 ? NAME_SIZE_IPV4 : NAME_SIZE)
    const control = this.#block.control(index)
    let at = control + SEGMENT_CONTROL
    if (trafficClass !== 0) at = writeTrafficClass(view, at, remote.family, trafficClass)
    train.sourceAt = at - control
    if (source !== undefined) at = writeSource(view, at, source)
    train.controlEnd = at - control
  }

  #finish(index: number, { segments, segment, firstVector, vectors, controlEnd }: Train): void {
    const block = this.#block
    block.setVectors(index, firstVector, vectors)
    if (segments > 1) writeSegment(block.view, block.control(index), segment)
    block.setControl(index, segments > 1 ? 0 : SEGMENT_CONTROL, controlEnd)
  }
}
