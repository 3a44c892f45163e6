import {
  asDatagram,
  type Burst,
  type Context,
  type Datagram,
  MAXIMUM_PACKET,
  type PooledPacket,
  TAILROOM,
} from '@millrace/core'
import { CONTROL_SIZE, MessageBlock, NAME_SIZE, NAME_SIZE_IPV4, type SystemCalls } from '@millrace/native'
import type { AddressBook } from './address-book.ts'
import { Received } from './control.ts'
import { SourceSample } from './source-sample.ts'

/**
 * Messages of one recvmmsg(2). A datagram costs about 8 % more with 8, and 8 % less with 32, which needs twice the jumbo
 * packets at once.
 */
const MESSAGES = 16
/** Of a call on a quiet link: getting packets ready for a whole call costs as much as receiving one datagram. */
const FEWEST = 2

/**
 * Receives by recvmmsg(2), straight into packets. Each message has two places to go: a packet of the usual size and, for
 * what is left, a jumbo packet at the same distance from its beginning. So a datagram as a rule lies in a small slot, and
 * for a large one or a train only that first part is copied.
 */
export class Receiver {
  readonly sample: SourceSample = new SourceSample()
  readonly #system: SystemCalls
  readonly #context: Context
  readonly #book: AddressBook
  readonly #base: number
  readonly #block: MessageBlock
  readonly #received = new Received()
  readonly #small: (PooledPacket | undefined)[] = new Array(MESSAGES).fill(undefined)
  readonly #jumbo: (PooledPacket | undefined)[] = new Array(MESSAGES).fill(undefined)
  /** Takes what there is no packet for. */
  readonly #spill = new Uint8Array(MAXIMUM_PACKET)
  readonly #spillAddress: number
  /** Messages of the next call: twice as many after one that was full, half as many after one that was not. */
  #wanted = FEWEST
  #asked = 0
  #size = 0

  constructor(system: SystemCalls, context: Context, book: AddressBook) {
    this.#system = system
    this.#context = context
    this.#book = book
    this.#base = system.addressOf(context.pool.memory)
    this.#spillAddress = system.addressOf(this.#spill)
    this.#block = new MessageBlock(system, MESSAGES, MESSAGES * 2)
    for (let i = 0; i < MESSAGES; i++) {
      this.#block.setVectors(i, i * 2, 2)
      this.#makeReady(i)
    }
  }

  /** Messages that the last call had room for. */
  get asked(): number {
    return this.#asked
  }

  /** Bytes that came in with the last call. */
  get size(): number {
    return this.#size
  }

  /** Puts into `burst` what the socket has, at most a call's worth. How many messages that were, or a negated errno. */
  receive(fd: number, arrival: number, burst: Burst<Datagram>): number {
    let ready = 0
    while (ready < this.#wanted && this.#acquire(ready)) ready++
    this.#asked = Math.max(ready, 1)
    this.#size = 0
    const result = Math.min(this.#system.recvmmsg(fd, this.#block.address, this.#asked, 0), this.#asked)
    for (let i = 0; i < result; i++) this.#take(i, arrival, burst)
    // Nothing is kept between calls: what is not needed now may be needed by those who are served next.
    for (let i = 0; i <= ready && i < this.#wanted; i++) {
      this.#small[i]?.release()
      this.#jumbo[i]?.release()
    }
    this.#wanted = result === this.#asked ? Math.min(this.#wanted * 2, MESSAGES) : Math.max(this.#wanted >> 1, FEWEST)
    return result
  }

  /** Whether there is room for any datagram at place `i`. Otherwise what does not fit is lost, but not what does. */
  #acquire(i: number): boolean {
    const { pool } = this.#context
    const small = pool.acquire(1)
    const room = small === undefined ? 0 : Math.min(small.tailroom - TAILROOM, MAXIMUM_PACKET)
    const jumbo = room === MAXIMUM_PACKET ? undefined : pool.acquire(MAXIMUM_PACKET)
    const rest = jumbo === undefined ? this.#spillAddress : this.#base + jumbo.offset + room
    this.#block.setVector(2 * i, small === undefined ? this.#spillAddress : this.#base + small.offset, room)
    this.#block.setVector(2 * i + 1, rest, MAXIMUM_PACKET - room)
    this.#small[i] = small
    this.#jumbo[i] = jumbo
    return small !== undefined && (jumbo !== undefined || room === MAXIMUM_PACKET)
  }

  #take(i: number, arrival: number, burst: Burst<Datagram>): void {
    const block = this.#block
    const received = this.#received
    const control = block.control(i)
    received.read(block.view, control, control + Math.min(block.controlLength(i), CONTROL_SIZE))
    const length = Math.min(block.received(i), MAXIMUM_PACKET)
    this.#size += length
    const segmentSize = received.segmentSize < length ? received.segmentSize : 0
    const packet = this.#packetOf(i, length)
    if (packet === undefined) {
      this.#context.drop('pool-empty', segmentSize === 0 ? 1 : Math.ceil(length / segmentSize))
    } else {
      const name = block.names[i] as Int32Array
      // What lies behind a shorter name is left from an earlier one; a flow label is no part of an address.
      if (block.nameLength(i) <= NAME_SIZE_IPV4) name.fill(0, 2)
      else name[1] = 0
      const { remote, local } = this.#book.origin(name, received.local)
      this.sample.note(packet.memory, packet.offset, length, segmentSize, name)
      packet.length = length
      packet.segmentSize = segmentSize
      packet.remote = remote
      packet.local = local.usable && local.interfaceIndex !== 0 ? local : undefined
      packet.trafficClass = received.trafficClass
      packet.arrival = arrival
      burst.push(asDatagram(packet))
    }
    this.#makeReady(i)
  }

  /** The packet in which a datagram now lies, which is no longer ours. */
  #packetOf(i: number, length: number): PooledPacket | undefined {
    const small = this.#small[i]
    const jumbo = this.#jumbo[i]
    const room = this.#block.vectorSize(2 * i)
    if (length <= room) {
      this.#small[i] = undefined
      return small
    }
    if (small === undefined || jumbo === undefined) return undefined
    this.#jumbo[i] = undefined
    jumbo.memory.copyWithin(jumbo.offset, small.offset, small.offset + room)
    return jumbo
  }

  #makeReady(i: number): void {
    this.#block.setNameLength(i, NAME_SIZE)
    this.#block.setControl(i, 0, CONTROL_SIZE)
  }
}
