import type { IpPacket } from '@millrace/core'
import { KEY_WORDS, writeAddress } from '../ip/socket-pair.ts'
import { isBetweenHosts } from '../ip/unicast.ts'
import type { Connection } from './connection.ts'
import type { ConnectOptions } from './endpoints.ts'
import { type Engine, INCOMING } from './engine.ts'
import { ACK, FIN, RST, SYN } from './flags.ts'
import { chooseNumbers, offerOptions, takeSynOptions } from './handshake.ts'
import type { Segment } from './segment.ts'
import { isAfter } from './sequence.ts'
import { PENDING, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts'
import type { StrayAnswers } from './stray-answers.ts'

/** Begins connections: those that others ask for, and our own. */
export class Opener {
  readonly #engine: Engine
  readonly #strays: StrayAnswers
  readonly #key: Int32Array = new Int32Array(KEY_WORDS)

  constructor(engine: Engine, strays: StrayAnswers) {
    this.#engine = engine
    this.#strays = strays
  }

  /** A segment whose key belongs to no connection (RFC 9293 §3.10.7.1, §3.10.7.2). Returns the reason for a drop, or undefined. */
  receiveStray(key: Int32Array, packet: IpPacket, segment: Segment): string | undefined {
    const engine = this.#engine
    const { flags } = segment
    if (!isBetweenHosts(key, packet.version)) return 'tcp-not-between-hosts'
    if ((flags & (SYN | ACK | RST)) !== SYN) {
      this.#strays.refuseSegment(key, packet.version, segment, engine.now, packet.peer)
      return 'tcp-no-connection'
    }
    if ((flags & FIN) !== 0) return 'tcp-syn-and-fin'
    if (engine.halfOpen >= engine.settings.halfOpen) return 'tcp-half-open-full'
    const c = this.#open(key, packet.version)
    if (c === undefined) return 'tcp-connections-full'
    c.peer = packet.peer
    c.passive = true
    c.state = PENDING
    engine.setHalfOpen(c, true)
    takeSynOptions(engine, c, segment)
    c.lifeAt = engine.now + engine.settings.acceptTimeout
    engine.arm(c)
    engine.tell(c, INCOMING)
    return undefined
  }

  /** The owner has said yes to a connection that is PENDING. */
  accept(c: Connection): void {
    chooseNumbers(this.#engine, c)
    c.state = SYN_RECEIVED
    c.lifeAt = Number.POSITIVE_INFINITY
    c.synDue = true
    this.#engine.touch(c)
  }

  /** Returns the handle of the new connection, or -1. */
  connect(options: ConnectOptions): number {
    const engine = this.#engine
    const key = this.#key
    writeAddress(key, 0, options.localAddress)
    writeAddress(key, 4, options.remoteAddress)
    key[8] = (options.localPort << 16) | options.remotePort
    const old = engine.table.find(key)
    if (old !== undefined && (old.state !== TIME_WAIT || old.handle >= 0)) return -1
    if (old !== undefined) engine.free(old)
    const c = this.#open(key, options.localAddress.length === 4 ? 4 : 6)
    if (c === undefined) return -1
    c.peer = options.peer
    c.state = SYN_SENT
    offerOptions(engine, c)
    chooseNumbers(engine, c)
    c.synDue = true
    engine.touch(c)
    return c.handle
  }

  #open(key: Int32Array, version: 4 | 6): Connection | undefined {
    const { table } = this.#engine
    const waiting = table.oldestWaiting()
    if (waiting !== undefined) this.#engine.free(waiting)
    const c = table.open(key)
    if (c !== undefined) c.version = version
    return c
  }
}

/** Whether a SYN to a pair of sockets in TIME-WAIT begins something new (RFC 9293 §3.6.1, RFC 6191 §2). */
export function isNewer(c: Connection, { flags, sequence, options }: Segment): boolean {
  if ((flags & (SYN | ACK | RST)) !== SYN) return false
  if (c.timestampsOk && options.hasTimestamp && options.timestamp !== c.tsRecent) {
    return isAfter(options.timestamp, c.tsRecent)
  }
  return isAfter(sequence, c.rcvNxt)
}
