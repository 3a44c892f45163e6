import type { IpPacket } from '@millrace/core'
import { isTranslatedError, rewriteError, sessionOfError } from './icmp-error.ts'
import { clampMss } from './mss.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import { decrementTtl, rewriteEnd } from './rewrite.ts'
import { type NatTable, PEER_SESSIONS_EXHAUSTED, SESSIONS_EXHAUSTED } from './table.ts'
import { opensConnection, SYN } from './tcp-state.ts'

const ECHO_REPLY = 0
const ECHO_REQUEST = 8

export interface TranslatorOptions {
  /** The outside address, as an unsigned number. */
  readonly address: number
  /** What an MSS option is lowered to, bytes. */
  readonly mss: number
  readonly decrementTtl: boolean
}

/**
 * Translates packets in place, by a {@link NatTable}. Each method returns why the packet goes no further, with its
 * bytes unchanged, or undefined. The time is the table's: call `table.expire(now)` first.
 *
 * A NAT is a router, so it takes one hop off the TTL, both ways; it checks before it translates, so that an error about
 * the packet quotes what its sender has sent (RFC 3022 §4.3).
 */
export class Translator {
  readonly #table: NatTable
  readonly #address: number
  readonly #mss: number
  readonly #decrementTtl: boolean

  constructor(table: NatTable, options: TranslatorOptions) {
    this.#table = table
    this.#address = options.address
    this.#mss = options.mss
    this.#decrementTtl = options.decrementTtl
  }

  /** From the inside to the outside. */
  up(packet: IpPacket): string | undefined {
    // Nothing of a family that has no address here may leave under another: that is the leak of RFC 7359.
    if (packet.version === 6) return 'ipv6-not-translated'
    const source = packet.source4
    if (source === this.#address) return 'source-is-nat-address'
    if (isMartian(source)) return 'martian-source'
    if (packet.destination4 === this.#address) return 'hairpin-unsupported'
    if (isMartian(packet.destination4)) return 'martian-destination'
    if (this.#decrementTtl && packet.hopLimit <= 1) return 'ttl-exceeded'
    const unfit = this.#unfit(packet)
    if (unfit !== undefined) return unfit
    if (packet.protocol === TCP) return this.#tcpUp(packet)
    if (packet.protocol === UDP) return this.#flowUp(packet, packet.sourcePort, packet.destinationPort)
    const type = packet.memory[packet.transport] as number
    if (type === ECHO_REQUEST) return this.#flowUp(packet, packet.view.getUint16(packet.transport + 4), 0)
    return isTranslatedError(type) ? this.#errorUp(packet) : 'icmp-type-not-translated'
  }

  /** From the outside to the inside. */
  down(packet: IpPacket): string | undefined {
    if (packet.version === 6) return 'ipv6-not-translated'
    if (packet.destination4 !== this.#address) return 'not-nat-address'
    const unfit = this.#unfit(packet)
    if (unfit !== undefined) return unfit
    if (packet.protocol !== ICMP) return this.#flowDown(packet, packet.destinationPort, packet.sourcePort)
    const type = packet.memory[packet.transport] as number
    if (type === ECHO_REPLY) return this.#flowDown(packet, packet.view.getUint16(packet.transport + 4), 0)
    if (isTranslatedError(type)) return this.#errorDown(packet)
    return type === ECHO_REQUEST ? 'no-mapping' : 'icmp-type-not-translated'
  }

  #unfit(packet: IpPacket): string | undefined {
    const { protocol, transport } = packet
    if (protocol !== TCP && protocol !== UDP && protocol !== ICMP) return 'protocol-not-translated'
    // Only the first fragment has ports, and it need not come first: without remembering, none can be translated, and
    // to pass some would only make the receiver wait for the rest.
    if (packet.isFragment) return 'fragment-unsupported'
    if (transport === 0) return 'transport-truncated'
    if (protocol !== TCP) return undefined
    const headerLength = tcpHeaderLength(packet)
    return headerLength < 20 || transport + headerLength > packet.offset + packet.length
      ? 'tcp-header-invalid'
      : undefined
  }

  #tcpUp(packet: IpPacket): string | undefined {
    const table = this.#table
    const { sourcePort, destinationPort } = packet
    const flags = packet.memory[packet.transport + 13] as number
    let session = table.findInside(TCP, packet.source4, sourcePort, packet.destination4, destinationPort)
    if (session >= 0) table.useTcp(session, flags, true)
    else {
      if (!opensConnection(flags)) return 'tcp-no-session'
      session = this.#open(packet, sourcePort, destinationPort)
      if (session < 0) return exhausted(session)
    }
    this.#leave(packet, session)
    return undefined
  }

  #flowUp(packet: IpPacket, port: number, remotePort: number): string | undefined {
    const table = this.#table
    let session = table.findInside(packet.protocol, packet.source4, port, packet.destination4, remotePort)
    if (session >= 0) table.use(session, true)
    else {
      session = this.#open(packet, port, remotePort)
      if (session < 0) return exhausted(session)
    }
    this.#leave(packet, session)
    return undefined
  }

  #open(packet: IpPacket, port: number, remotePort: number): number {
    const owner = packet.peer ?? packet.source4
    return this.#table.open(packet.protocol, packet.source4, port, packet.destination4, remotePort, owner)
  }

  #leave(packet: IpPacket, session: number): void {
    const table = this.#table
    this.#hop(packet)
    this.#clamp(packet)
    const { view, offset, transport } = packet
    const end = offset + packet.length
    rewriteEnd(view, offset, transport, end, 'source', table.outsideAddress(session), table.outsidePort(session))
  }

  #flowDown(packet: IpPacket, port: number, remotePort: number): string | undefined {
    const table = this.#table
    const { view, offset, transport, protocol } = packet
    const session = table.findOutside(protocol, packet.destination4, port, packet.source4, remotePort)
    if (session < 0) return 'no-mapping'
    if (this.#decrementTtl && packet.hopLimit <= 1) return 'ttl-exceeded'
    if (protocol === TCP) table.useTcp(session, view.getUint8(transport + 13), false)
    else table.use(session, false)
    this.#hop(packet)
    this.#clamp(packet)
    const end = offset + packet.length
    rewriteEnd(view, offset, transport, end, 'destination', table.insideAddress(session), table.insidePort(session))
    return undefined
  }

  #errorUp(packet: IpPacket): string | undefined {
    const session = sessionOfError(packet, this.#table, true)
    if (typeof session === 'string') return session
    // It goes to the sender of what it is about, and only the owner of a session may complain about it.
    if (packet.destination4 !== packet.view.getUint32(packet.transport + 20)) return 'icmp-error-misdirected'
    if (packet.peer !== undefined && this.#table.owner(session) !== packet.peer) return 'icmp-error-of-other-peer'
    this.#hop(packet)
    rewriteError(packet, this.#table, session, true)
    return undefined
  }

  #errorDown(packet: IpPacket): string | undefined {
    const session = sessionOfError(packet, this.#table, false)
    if (typeof session === 'string') return session
    if (this.#decrementTtl && packet.hopLimit <= 1) return 'ttl-exceeded'
    this.#hop(packet)
    rewriteError(packet, this.#table, session, false)
    return undefined
  }

  #hop(packet: IpPacket): void {
    if (this.#decrementTtl) decrementTtl(packet.view, packet.offset)
  }

  #clamp(packet: IpPacket): void {
    const { view, transport, protocol } = packet
    if (protocol !== TCP || (view.getUint8(transport + 13) & SYN) === 0) return
    clampMss(view, transport, tcpHeaderLength(packet), this.#mss)
  }
}

function tcpHeaderLength(packet: IpPacket): number {
  return ((packet.memory[packet.transport + 12] as number) >> 4) * 4
}

function exhausted(code: number): string {
  if (code === SESSIONS_EXHAUSTED) return 'sessions-exhausted'
  return code === PEER_SESSIONS_EXHAUSTED ? 'peer-sessions-exhausted' : 'ports-exhausted'
}

/** Addresses that no router forwards (RFC 6890, RFC 3927 §2.7): network 0, loopback, link-local, multicast, class E, broadcast. */
function isMartian(address: number): boolean {
  const first = address >>> 24
  return first === 0 || first === 127 || first >= 224 || address >>> 16 === 0xa9fe
}
