import type { Clock, DropCounter, Logger } from '@millrace/core'
import { Errno, errnoName, type MessageBlock, type SystemCalls } from '@millrace/native'
import { sendReason } from '../errors.ts'
import { SEGMENT_CONTROL } from './control.ts'
import type { NativeSocket } from './native-socket.ts'
import type { Sources } from './sources.ts'
import { mayBeTheSource, mayBeTheTrain, type Train } from './train.ts'

/** Milliseconds after which a path is tried again with trains of a size that was refused: as long as a path MTU is kept. */
const LIMIT_LASTS = 600_000

/** Deals with one message that the kernel has not taken: without its source, or as single datagrams, it may. */
export class Resend {
  readonly #system: SystemCalls
  readonly #block: MessageBlock
  readonly #sources: Sources
  readonly #clock: Clock
  readonly #logger: Logger
  /** A vector of the block that is free for this. */
  readonly #vector: number

  constructor(
    system: SystemCalls,
    block: MessageBlock,
    vector: number,
    sources: Sources,
    clock: Clock,
    logger: Logger,
  ) {
    this.#system = system
    this.#block = block
    this.#vector = vector
    this.#sources = sources
    this.#clock = clock
    this.#logger = logger
  }

  /** `reason` is the negated errno with which message `index` of the block failed. */
  resend(socket: NativeSocket, index: number, train: Train, reason: number, drops: DropCounter): void {
    const { source, segments, sourceAt } = train
    let end = train.controlEnd
    let result = reason
    if (source !== undefined && mayBeTheSource(reason)) {
      this.#block.setControl(index, segments > 1 ? 0 : SEGMENT_CONTROL, sourceAt)
      result = this.#send(socket, index)
      if (result !== reason) {
        this.#sources.refuse(train.local, source)
        end = sourceAt
      }
    }
    if (result > 0) return
    if (segments > 1 && mayBeTheTrain(result)) {
      this.#block.setControl(index, SEGMENT_CONTROL, end)
      const sent = this.#sendOneByOne(socket, index, train, drops)
      if (sent > 0) this.#learn(socket, train, result)
    } else drops.count(sendReason(errnoName(result)), segments)
  }

  #send({ fd }: NativeSocket, index: number): number {
    return this.#system.sendmmsg(fd, this.#block.at(index), 1, 0)
  }

  #sendOneByOne(socket: NativeSocket, index: number, train: Train, drops: DropCounter): number {
    const block = this.#block
    const { segment, firstVector, vectors } = train
    block.setVectors(index, this.#vector, 1)
    let sent = 0
    for (let vector = firstVector; vector < firstVector + vectors; vector++) {
      const size = block.vectorSize(vector)
      for (let at = 0; at < size; at += segment) {
        block.setVector(this.#vector, block.vectorAddress(vector) + at, Math.min(segment, size - at))
        const result = this.#send(socket, index)
        if (result > 0) sent++
        else drops.count(sendReason(errnoName(result)), 1)
      }
    }
    return sent
  }

  /** A train was refused whose datagrams then went one by one. */
  #learn(socket: NativeSocket, { remote, segment }: Train, reason: number): void {
    if (reason === -Errno.EIO) {
      // The device cannot do it.
      socket.segmentation = false
      this.#logger.warn({ family: socket.family }, 'udp: the system refuses UDP_SEGMENT; sending without from now on')
    } else if (remote !== undefined) {
      // The path's MTU is below their size, for which kernels before 6.14 say EINVAL.
      remote.largestSegment = segment - 1
      remote.limitedUntil = this.#clock.now() + LIMIT_LASTS
    }
  }
}
