import { asIpPacket, ConfigurationError, type IpPacket, parseIp } from '@millrace/core'
import { FlowTable } from '../table/flow-table.ts'
import { PeerNumbers } from '../table/peer-numbers.ts'
import { readWholeNumbers } from '../whole-numbers.ts'
import { Fragment } from './fragment.ts'
import { type HoldingLimits, Holdings } from './holdings.ts'
import { PartialDatagram } from './partial-datagram.ts'
import type { ReassemblyOptions, ReassemblySurroundings } from './reassembly-options.ts'
import { KEY_WORDS as PAIR_WORDS, readAddresses } from './socket-pair.ts'
import { assemble, unwrap } from './whole-datagram.ts'

const WORDS = PAIR_WORDS + 2

/**
 * Makes whole datagrams of IPv4 and IPv6 fragments (RFC 791 §3.2, RFC 8200 §4.5), in any order. What is held lies outside
 * of the packet memory and has a bound, in all and for each peer; the oldest of whoever has most makes room, so nobody can
 * keep others from being served. A fragment that comes twice, byte for byte, is dropped and does no harm; one that
 * overlaps another ends the datagram, of which nothing more is taken until its time is over (RFC 5722, for IPv4 as well).
 * IPv6 packets in a single fragment are nobody's part (RFC 6946).
 */
export class Reassembly {
  readonly #table: FlowTable<PartialDatagram>
  readonly #holdings = new Holdings()
  readonly #surroundings: ReassemblySurroundings
  readonly #limits: HoldingLimits
  readonly #bytes: number
  readonly #lifetime: number
  readonly #peers = new PeerNumbers()
  readonly #fragment = new Fragment()
  readonly #key = new Int32Array(WORDS)

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: ReassemblyOptions, surroundings: ReassemblySurroundings) {
    const settings = readWholeNumbers('reassembly', options, {
      datagrams: [256, 1, 65_536],
      datagramsPerPeer: [64, 1, 65_536],
      bytes: [2 ** 22, 2 ** 17, 2 ** 30],
      // The largest datagram in the smallest fragments fits.
      bytesPerPeer: [2 ** 20, 2 ** 17, 2 ** 30],
      lifetime: [30_000, 1, 120_000],
    })
    if (settings.bytes < settings.bytesPerPeer) {
      throw new ConfigurationError(`reassembly bytesPerPeer: expected no more than bytes, ${settings.bytes}`)
    }
    const { random, now } = surroundings
    this.#surroundings = surroundings
    this.#limits = { datagrams: settings.datagramsPerPeer, bytes: settings.bytesPerPeer }
    this.#bytes = settings.bytes
    this.#lifetime = settings.lifetime
    const table = { capacity: settings.datagrams, words: WORDS, random, now }
    this.#table = new FlowTable(table, (index, key) => new PartialDatagram(index, key))
  }

  /** Datagrams of which something is missing, or that are refused. */
  get datagrams(): number {
    return this.#table.size
  }

  /** Bytes that count against the bound. */
  get bytes(): number {
    return this.#holdings.bytes
  }

  /** When to call `advance`, milliseconds, or Infinity. */
  get deadline(): number {
    return this.#table.deadline
  }

  /**
   * Takes a fragment (`isFragment`) in, without keeping the packet. Returns undefined when it is held, a string why it goes
   * no further, or the whole datagram, parsed, which is the caller's to release; `peer`, `direction` and `arrival` are
   * those of the fragment that made it whole.
   */
  receive(packet: IpPacket, now: number): IpPacket | string | undefined {
    const fragment = this.#fragment
    const reason = fragment.read(packet)
    if (reason !== undefined) return reason
    if (packet.version === 6 && fragment.from === 0 && fragment.isLast) return unwrap(packet, fragment)
    this.#readKey(packet)
    const datagram = this.#table.find(this.#key) ?? this.#begin(packet, now)
    if (datagram === undefined) return 'fragments-exhausted'
    if (datagram.refused) return 'fragment-refused'
    const misfit = datagram.judge(packet, fragment)
    if (misfit === 'fragment-repeated') return misfit
    if (misfit !== undefined) return this.#refuse(datagram, misfit)
    const cost = datagram.costOf(packet, fragment)
    if (!this.#makeRoom(datagram, cost)) return this.#refuse(datagram, 'fragments-exhausted')
    this.#holdings.charge(datagram, cost)
    datagram.add(packet, fragment)
    return datagram.isComplete ? this.#complete(datagram, packet) : undefined
  }

  /** Forgets datagrams whose time is over. */
  advance(now: number): void {
    for (let datagram = this.#table.due(now); datagram !== undefined; datagram = this.#table.due(now)) {
      this.#reportTimeout(datagram)
      this.#end(datagram, 'fragment-timeout')
    }
  }

  #readKey(packet: IpPacket): void {
    const key = this.#key
    readAddresses(key, packet)
    key[8] = this.#fragment.id
    key[9] = this.#peers.of(packet.peer)
    // The identification of IPv4 is for each protocol (RFC 791 §3.2), that of IPv6 is not (RFC 8200 §4.5).
    key[10] = packet.version === 4 ? 0x400 | packet.protocol : 0x600
  }

  #begin(packet: IpPacket, now: number): PartialDatagram | undefined {
    const overdrawn = this.#holdings.overdrawn(packet.peer, this.#limits, 1, 0)
    if (overdrawn !== undefined) this.#end(overdrawn, 'fragments-exhausted')
    const deadline = now + this.#lifetime
    let datagram = this.#table.open(this.#key, deadline, packet.peer)
    if (datagram === undefined) {
      const greediest = this.#holdings.greediest('datagrams')
      if (greediest !== undefined) this.#end(greediest, 'fragments-exhausted')
      datagram = this.#table.open(this.#key, deadline, packet.peer)
    }
    if (datagram !== undefined) this.#holdings.add(datagram)
    return datagram
  }

  /** Lets older datagrams go, of this peer first; never the one that grows. */
  #makeRoom(datagram: PartialDatagram, bytes: number): boolean {
    for (;;) {
      let victim = this.#holdings.overdrawn(datagram.peer, this.#limits, 0, bytes)
      if (victim === undefined && this.#holdings.bytes + bytes > this.#bytes) victim = this.#holdings.greediest('bytes')
      if (victim === undefined) return true
      if (victim === datagram) return false
      this.#end(victim, 'fragments-exhausted')
    }
  }

  /** Nothing more of this datagram is to pass. Returns `reason`. */
  #refuse(datagram: PartialDatagram, reason: string): string {
    const { count } = datagram
    if (count > 0) this.#surroundings.drop(reason, count)
    this.#holdings.charge(datagram, -datagram.cost)
    datagram.clear()
    datagram.refused = true
    return reason
  }

  #end(datagram: PartialDatagram, reason: string): void {
    if (datagram.count > 0) this.#surroundings.drop(reason, datagram.count)
    this.#forget(datagram)
  }

  #forget(datagram: PartialDatagram): void {
    this.#holdings.remove(datagram)
    this.#table.close(datagram)
    datagram.clear()
  }

  #complete(datagram: PartialDatagram, last: IpPacket): IpPacket | string {
    const whole = assemble(datagram, last, this.#surroundings.pool)
    // The last fragment is its caller's to count.
    if (typeof whole === 'string' && datagram.count > 1) this.#surroundings.drop(whole, datagram.count - 1)
    this.#forget(datagram)
    return whole
  }

  #reportTimeout(datagram: PartialDatagram): void {
    const { first, peer } = datagram
    if (first === undefined) return
    const packet = this.#surroundings.pool.acquire(first.length)
    if (packet === undefined) return
    packet.memory.set(first, packet.offset)
    packet.length = first.length
    packet.peer = peer
    if (parseIp(packet) === undefined) this.#surroundings.timedOut?.(asIpPacket(packet))
    packet.release()
  }
}
