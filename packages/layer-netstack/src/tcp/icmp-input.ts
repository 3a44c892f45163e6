import { type IpPacket, TCP } from '@millrace/core'
import { readErrorKind } from '../icmp/error-kind.ts'
import { icmpProtocol } from '../icmp/messages.ts'
import { readQuoted } from '../icmp/quoted.ts'
import { smallestMtu } from '../ip/smallest-mtu.ts'
import { KEY_WORDS } from '../ip/socket-pair.ts'
import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import { TIMESTAMP_OPTION } from './segment-writer.ts'
import { distance } from './sequence.ts'
import { maySend, SYN_SENT } from './state.ts'

/**
 * What an ICMP error about one of our segments does. It is believed only if it quotes a number that is under way
 * (RFC 5927 §4.1), and it ends nothing but a connection that is being opened: to one that stands it is news of a passing
 * trouble (RFC 1122 §4.2.3.9), but for a path that takes only smaller packets (RFC 1191, RFC 8201).
 */
export class IcmpInput {
  readonly #engine: Engine
  readonly #key: Int32Array = new Int32Array(KEY_WORDS)

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Returns the reason for a drop, or undefined. `packet` has a right checksum. */
  receive(packet: IpPacket): string | undefined {
    const { view, version, transport, protocol } = packet
    if (transport === 0 || packet.isFragment || protocol !== icmpProtocol(version)) return 'not-icmp'
    const kind = readErrorKind(version, view.getUint8(transport), view.getUint8(transport + 1))
    if (kind === undefined || kind === 'time-exceeded') return 'icmp-type-not-used'
    const tcp = readQuoted(this.#key, packet, TCP)
    if (tcp === 0) return 'icmp-not-about-tcp'
    const c = this.#engine.table.find(this.#key)
    if (c === undefined) return 'icmp-no-connection'
    const ahead = distance(c.sndUna, view.getInt32(tcp + 4))
    if (ahead < 0 || ahead >= distance(c.sndUna, c.sndNxt)) return 'icmp-outside-window'
    if (kind === 'packet-too-big')
      return this.#shrink(c, version === 4 ? view.getUint16(transport + 6) : view.getUint32(transport + 4))
    if (c.state !== SYN_SENT) return 'icmp-soft-error'
    this.#engine.kill(c, kind === 'port-unreachable' ? 'refused' : 'unreachable')
    return undefined
  }

  /** Makes the segments fit, and sends those again that did not; no sign of congestion. */
  #shrink(c: Connection, mtu: number): string | undefined {
    if (!maySend(c.state)) return 'icmp-soft-error'
    const headers = (c.version === 4 ? 40 : 60) + (c.timestampsOk ? TIMESTAMP_OPTION : 0)
    const mss = Math.max(mtu, smallestMtu(c.version)) - headers
    if (mss >= c.mss) return 'icmp-nothing-new'
    c.mss = mss
    c.congestion.resize(mss)
    for (let i = 0; i < c.sent.count; i++) if (c.sent.sizeOf(i) > mss) c.sent.markLost(i)
    this.#engine.touch(c)
    return undefined
  }
}
