import type { IpPacket, OnesComplement } from '@millrace/core'
import { KEY_WORDS, readKey } from '../ip/socket-pair.ts'
import { type ConnectOptions, type Endpoints, endpointsOf } from './endpoints.ts'
import { Engine } from './engine.ts'
import { flushDirty } from './flush.ts'
import { IcmpInput } from './icmp-input.ts'
import { Input } from './input.ts'
import { abortConnection, closeConnection, rejectConnection } from './letting-go.ts'
import type { Rejection, TcpListener } from './listener.ts'
import { isNewer, Opener } from './opener.ts'
import { readTcpOptions, type TcpOptions } from './options.ts'
import { dispatchEvents } from './owner-events.ts'
import type { Pieces } from './pieces.ts'
import { Prober } from './prober.ts'
import { Segment } from './segment.ts'
import { SegmentWriter } from './segment-writer.ts'
import { PENDING, STATE_NAMES, TIME_WAIT } from './state.ts'
import { StrayAnswers } from './stray-answers.ts'
import {
  commitStream,
  consumeStream,
  peekStream,
  readStream,
  reserveStream,
  shutdownStream,
  writeStream,
} from './streams.ts'
import type { TcpStatistics, TcpSurroundings } from './surroundings.ts'
import { Timers } from './timers.ts'
import { Transmitter } from './transmitter.ts'

/** Packets of a flush. */
const BUDGET = 64

/**
 * TCP (RFC 9293) that accepts connections to any destination and opens its own, as a state machine: packets and the time
 * go in, packets, events and the next deadline come out. In each round:
 *
 *     for (const packet of batch) drop(tcp.receive(packet, now))
 *     tcp.advance(now)                                  // when `deadline` has come
 *     tcp.dispatch(listener)                            // which reads, writes, accepts …
 *     do {
 *       more = tcp.flush(now) && burst.length > 0
 *       burst.serve(down)
 *     } while (more)
 *
 * Nothing is answered before its owner says so: whoever dials on behalf of the other end calls `accept` when that has
 * succeeded and `reject` when not. A call with a handle that means nothing any more does nothing.
 */
export class Tcp {
  readonly #engine: Engine
  readonly #writer: SegmentWriter
  readonly #strays: StrayAnswers
  readonly #input: Input
  readonly #icmpInput: IcmpInput
  readonly #opener: Opener
  readonly #transmitter: Transmitter
  readonly #timers: Timers
  readonly #segment: Segment = new Segment()
  readonly #sums: OnesComplement
  readonly #key: Int32Array = new Int32Array(KEY_WORDS)

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: TcpOptions, { outbox, sums, random, now }: TcpSurroundings) {
    const settings = readTcpOptions(options)
    this.#sums = sums
    this.#engine = new Engine(settings, random, now)
    this.#writer = new SegmentWriter(this.#engine, outbox, sums)
    this.#strays = new StrayAnswers(outbox, sums, settings)
    this.#input = new Input(this.#engine, this.#strays)
    this.#icmpInput = new IcmpInput(this.#engine)
    this.#opener = new Opener(this.#engine, this.#strays)
    this.#transmitter = new Transmitter(this.#engine, this.#writer)
    this.#timers = new Timers(this.#engine, new Prober(this.#engine, this.#writer))
  }

  /** When `advance` or `flush` has something to do without a packet coming in, milliseconds, or Infinity. */
  get deadline(): number {
    // What could not be sent for want of packets is tried again soon.
    return this.#engine.dirty.length > 0 ? this.#engine.now + 1 : this.#engine.wheel.next
  }

  /** Whether the listener is to be told something. */
  get hasEvents(): boolean {
    return this.#engine.told.length > 0 || this.#engine.mayWake
  }

  /** Switches super-packets on or off while it runs; see {@link TcpOptions.superPackets}. */
  set superPackets(on: boolean) {
    this.#engine.superPackets = on
  }

  get statistics(): TcpStatistics {
    const { table, slab, halfOpen } = this.#engine
    const memory = slab.memory.length - slab.free
    return { connections: table.size, halfOpen, memory, answersUnsent: this.#strays.unsent }
  }

  /** Takes a packet in, without keeping it. Returns why it went no further, or undefined. */
  receive(packet: IpPacket, now: number): string | undefined {
    this.#engine.now = now
    const segment = this.#segment
    const reason = segment.read(packet, this.#sums)
    if (reason !== undefined) return reason
    readKey(this.#key, packet)
    const c = this.#engine.table.find(this.#key)
    if (c === undefined) return this.#opener.receiveStray(this.#key, packet, segment)
    if (c.state === TIME_WAIT && c.handle < 0 && isNewer(c, segment)) {
      this.#engine.free(c)
      return this.#opener.receiveStray(this.#key, packet, segment)
    }
    return this.#input.receive(c, segment)
  }

  /** The same for an ICMP or ICMPv6 error about a packet of ours, whose checksum has been found right. */
  receiveIcmp(packet: IpPacket, now: number): string | undefined {
    this.#engine.now = now
    return this.#icmpInput.receive(packet)
  }

  /** Does what is due. */
  advance(now: number): void {
    this.#engine.now = now
    this.#timers.run()
  }

  /** Puts packets into the outbox, about `budget` at most. True if there is more to send. */
  flush(now: number, budget: number = BUDGET): boolean {
    this.#engine.now = now
    return flushDirty(this.#engine, this.#writer, this.#transmitter, budget)
  }

  /** Tells what has happened since the last time. */
  dispatch(listener: TcpListener): void {
    dispatchEvents(this.#engine, listener)
  }

  /** Answers the SYN: yes. */
  accept(handle: number): void {
    const c = this.#engine.table.of(handle)
    if (c?.state === PENDING) this.#opener.accept(c)
  }

  /** Answers the SYN: no. The handle means nothing afterwards, and nothing more is told of it. */
  reject(handle: number, how: Rejection): void {
    const c = this.#engine.table.of(handle)
    if (c?.state === PENDING) rejectConnection(this.#engine, this.#strays, c, how)
  }

  /** Opens a connection. Returns its handle, or -1 when these two ends have one already or there is no room for more. */
  connect(options: ConnectOptions, now: number): number {
    this.#engine.now = now
    return this.#opener.connect(options)
  }

  /** The two ends of a connection, or undefined. */
  endpoints(handle: number): Endpoints | undefined {
    const c = this.#engine.table.of(handle)
    return c === undefined ? undefined : endpointsOf(c)
  }

  /** The state by its name in RFC 9293, for people. */
  stateOf(handle: number): string {
    return STATE_NAMES[this.#engine.table.of(handle)?.state ?? 0] as string
  }

  /** Copies what has come in into `into`. Returns how many bytes; 0 with `ended` is the end of the stream. */
  read(handle: number, into: Uint8Array): number {
    const c = this.#engine.table.of(handle)
    return c === undefined ? 0 : readStream(this.#engine, c, into)
  }

  /** The bytes next to be read, as far as they lie in one piece: a view, good until they are consumed or `receive` is called. */
  peek(handle: number): Uint8Array {
    const c = this.#engine.table.of(handle)
    return c === undefined ? new Uint8Array(0) : peekStream(c)
  }

  /** `count` of the bytes that `peek` showed are done with. */
  consume(handle: number, count: number): void {
    const c = this.#engine.table.of(handle)
    if (c !== undefined) consumeStream(this.#engine, c, count)
  }

  /** Bytes that could be read now. */
  readableBytes(handle: number): number {
    return this.#engine.table.of(handle)?.received.length ?? 0
  }

  /** Bytes of buffer memory that it holds, both ways. */
  memoryOf(handle: number): number {
    const c = this.#engine.table.of(handle)
    return c === undefined ? 0 : c.sendRing.memory + c.received.memory
  }

  /** Whether the other end has sent all it will ever send, and all that has been read. */
  ended(handle: number): boolean {
    const c = this.#engine.table.of(handle)
    return c?.ended === true && c.received.length === 0
  }

  /** Takes bytes to be sent. Returns how many; if not all, `writable` tells when to go on. */
  write(handle: number, bytes: Uint8Array): number {
    const c = this.#engine.table.of(handle)
    return c === undefined ? 0 : writeStream(this.#engine, c, bytes)
  }

  /** The memory of all buffers, in which pieces lie. */
  get memory(): Uint8Array {
    return this.#engine.slab.memory
  }

  /**
   * For who puts bytes to be sent where they are sent from: adds to `pieces` where there is room for them, `limit` bytes at
   * most. Returns how much, which `commit` must follow; 0: as if `write` had taken nothing.
   */
  reserve(handle: number, limit: number, pieces: Pieces): number {
    const c = this.#engine.table.of(handle)
    return c === undefined ? 0 : reserveStream(this.#engine, c, limit, pieces)
  }

  /** The first `count` bytes of what was reserved last are to be sent, the others are given back. */
  commit(handle: number, count: number): void {
    const c = this.#engine.table.of(handle)
    if (c !== undefined) commitStream(this.#engine, c, count)
  }

  /** Adds to `pieces` where the bytes lie that are to be read next, good as those of `peek`. Returns how many. */
  locate(handle: number, pieces: Pieces): number {
    const c = this.#engine.table.of(handle)
    return c === undefined ? 0 : c.received.locate(pieces)
  }

  /** Whether both ends have sent all they ever will, and what came in is all that is left. */
  isOver(handle: number): boolean {
    const c = this.#engine.table.of(handle)
    return c?.ended === true && c.finQueued
  }

  /** Nothing more will be written; reading goes on (half-close). */
  shutdown(handle: number): void {
    const c = this.#engine.table.of(handle)
    if (c !== undefined) shutdownStream(this.#engine, c)
  }

  /** Lets go: what has been written is still delivered, what comes in is refused. Nothing more is told of it. */
  close(handle: number): void {
    const c = this.#engine.table.of(handle)
    if (c !== undefined) closeConnection(this.#engine, this.#strays, c)
  }

  /** Ends it at once with a RST. Nothing more is told of it. */
  abort(handle: number): void {
    const c = this.#engine.table.of(handle)
    if (c !== undefined) abortConnection(this.#engine, this.#strays, c)
  }
}
