import type { Random } from '@millrace/core'
import { TimerWheel } from '../table/timer-wheel.ts'
import type { Connection } from './connection.ts'
import { ConnectionQueue } from './connection-queue.ts'
import { ConnectionTable } from './connection-table.ts'
import { InitialNumbers } from './initial-numbers.ts'
import type { CloseCause } from './listener.ts'
import type { TcpSettings } from './options.ts'
import { Slab } from './slab.ts'
import { CLOSED, TIME_WAIT } from './state.ts'

/** What the owner of a connection is told, as bits, in this order. */
export const INCOMING = 1
export const CONNECTED = 2
export const READABLE = 4
export const WRITABLE = 8
export const ENDED = 16

/** Bytes of memory that are worth telling those who wait for some. */
const WAKE = 262_144

const NEVER = Number.POSITIVE_INFINITY

/** What all parts of a TCP share: the connections, their memory and timers, who has something to send and to tell. */
export class Engine {
  readonly settings: TcpSettings
  readonly slab: Slab
  readonly table: ConnectionTable
  readonly wheel: TimerWheel
  readonly numbers: InitialNumbers
  /** Connections that may have something to send. */
  readonly dirty: ConnectionQueue
  /** Connections whose owner is to be told something. */
  readonly told: ConnectionQueue
  /** Connections whose owner could not write for want of memory. */
  readonly starved: ConnectionQueue
  halfOpen = 0
  /** Whether several segments of a stream go out as one packet. */
  superPackets: boolean
  /** Set on every entry from outside, milliseconds. */
  now: number

  constructor(settings: TcpSettings, random: Random, now: number) {
    this.settings = settings
    this.superPackets = settings.superPackets
    this.now = now
    this.slab = new Slab(settings.memory)
    this.table = new ConnectionTable(this.slab, settings, random.uint32(), random.uint32())
    this.wheel = new TimerWheel(settings.connections, now)
    this.numbers = new InitialNumbers(random)
    this.dirty = new ConnectionQueue(settings.connections)
    this.told = new ConnectionQueue(settings.connections)
    this.starved = new ConnectionQueue(settings.connections)
  }

  /** What a connection may still offer to take in, bytes. */
  receiveSpace(c: Connection): number {
    const { received } = c
    const { free, memory } = this.slab
    // What is free goes round among all and must not be promised many times over; a rest of it stays for those who read.
    const share = (received.length === 0 ? free : free - memory.length / 16) / 4
    return Math.min(received.space, Math.max(share, 0))
  }

  /** Memory there is for what is written: if it took all, nothing could come in, and two ends that only write would wait for ever. */
  get sendSpace(): number {
    return Math.max(this.slab.free - this.slab.memory.length / 8, 0)
  }

  /** Whether somebody waits for memory to write to, and there is some. */
  get mayWake(): boolean {
    return this.starved.length > 0 && this.sendSpace >= Math.min(WAKE, this.slab.memory.length / 16)
  }

  /** Our timestamp (RFC 7323 §5.4) on this connection now. */
  stampOf(c: Connection): number {
    return (Math.floor(this.now) + c.tsOffset) | 0
  }

  /** It is looked at when packets are sent next. */
  touch(c: Connection): void {
    if (c.isDirty) return
    c.isDirty = true
    this.dirty.push(c)
  }

  tell(c: Connection, event: number): void {
    if (c.handle < 0) return
    c.events |= event
    if (c.hasEvents) return
    c.hasEvents = true
    this.told.push(c)
  }

  /** Its timers have changed. */
  arm(c: Connection): void {
    const { deadline } = c
    if (deadline < NEVER) this.wheel.set(c.index, deadline)
  }

  /** Counts it as half open, or no longer. */
  setHalfOpen(c: Connection, halfOpen: boolean): void {
    if (c.halfOpen === halfOpen) return
    c.halfOpen = halfOpen
    this.halfOpen += halfOpen ? 1 : -1
  }

  /** Ends it at once: what is in its buffers is lost. */
  kill(c: Connection, cause: CloseCause): void {
    // Whoever has not been told that it was asked for need not be told of its end.
    if ((c.events & INCOMING) !== 0) c.handle = -1
    c.cause = cause
    c.clearBuffers()
    this.retire(c)
  }

  /** No segment will concern it any more. If nobody holds it, its block is free when this returns. */
  retire(c: Connection): void {
    c.state = CLOSED
    c.stopTimers()
    c.sendRing.clear()
    c.sendLength = 0
    this.wheel.cancel(c.index)
    this.setHalfOpen(c, false)
    this.table.unlist(c)
    this.settle(c)
  }

  /** Tells the owner of the end, once the stream has been read to its end; without one, frees the block. */
  settle(c: Connection): void {
    if (c.state !== CLOSED && c.state !== TIME_WAIT) return
    if (c.received.length > 0) return
    if (c.handle >= 0) this.tell(c, ENDED)
    else if (c.state === CLOSED) this.free(c)
    else this.table.waiting.add(c.index)
  }

  /** The owner holds it no longer. */
  release(c: Connection): void {
    c.handle = -1
    c.events = 0
    this.settle(c)
  }

  free(c: Connection): void {
    this.wheel.cancel(c.index)
    this.setHalfOpen(c, false)
    this.table.close(c)
  }
}
