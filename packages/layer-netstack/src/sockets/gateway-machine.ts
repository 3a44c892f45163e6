import { type IpPacket, TCP, UDP } from '@millrace/core'
import type { Echo } from '../icmp/echo.ts'
import type { Icmp } from '../icmp/icmp.ts'
import type { IcmpErrors } from '../icmp/icmp-errors.ts'
import { icmpProtocol } from '../icmp/messages.ts'
import type { Reassembly } from '../ip/reassembly.ts'
import type { Machine } from '../loop/machine-loop.ts'
import type { Tcp } from '../tcp/tcp.ts'
import type { Udp } from '../udp/udp.ts'
import { PING_UNAVAILABLE } from './echo-relay.ts'
import type { GatewayAddresses } from './gateway-addresses.ts'
import { errorFor } from './refusal.ts'
import type { TcpRelay } from './tcp-relay.ts'
import type { UdpRelay } from './udp-relay.ts'

/** What the machine is made of. */
export interface GatewayMachineParts {
  readonly tcp: Tcp
  readonly tcpRelay: TcpRelay
  readonly udp: Udp
  readonly udpRelay: UdpRelay
  readonly echo: Echo
  readonly icmp: Icmp
  readonly errors: IcmpErrors
  readonly reassembly: Reassembly
  readonly gateway: GatewayAddresses
  /** Whom errors come from that a router sends: an address of each family, if there is one. */
  readonly router: (family: 4 | 6) => Uint8Array | undefined
}

const UNKNOWN_PROTOCOL = 'protocol-not-forwarded'
/** Drops that mean that something is not done here at all. */
const FORBIDDEN: ReadonlySet<string> = new Set([PING_UNAVAILABLE, UNKNOWN_PROTOCOL, 'gateway-address'])

/**
 * TCP, UDP and ICMP of all destinations, as one machine. To its clients it is a router: it answers a hop limit that ends
 * here, and says so when it does not forward something, but to its own addresses it is a host.
 */
export class GatewayMachine implements Machine {
  readonly #parts: GatewayMachineParts

  constructor(parts: GatewayMachineParts) {
    this.#parts = parts
  }

  get deadline(): number {
    const { tcp, tcpRelay, udp, echo, reassembly } = this.#parts
    return Math.min(tcp.deadline, tcpRelay.deadline, udp.deadline, echo.deadline, reassembly.deadline)
  }

  get hasEvents(): boolean {
    return this.#parts.tcp.hasEvents
  }

  receive(packet: IpPacket, now: number): string | undefined {
    if (!packet.isFragment) return this.#receiveWhole(packet, now)
    const whole = this.#parts.reassembly.receive(packet, now)
    if (whole === undefined || typeof whole === 'string') return whole
    const reason = this.#receiveWhole(whole, now)
    this.#parts.udpRelay.flush()
    whole.release()
    return reason
  }

  advance(now: number): void {
    const { tcp, tcpRelay, udp, echo, reassembly } = this.#parts
    tcp.advance(now)
    tcpRelay.advance(now)
    udp.advance(now)
    echo.advance(now)
    reassembly.advance(now)
  }

  dispatch(): void {
    this.#parts.tcp.dispatch(this.#parts.tcpRelay)
  }

  flush(now: number): boolean {
    return this.#parts.tcp.flush(now)
  }

  #receiveWhole(packet: IpPacket, now: number): string | undefined {
    const { errors, router, gateway } = this.#parts
    const { version, protocol } = packet
    if (packet.hopLimit <= 1 && !gateway.isFor(packet)) {
      errors.report(packet, 'time-exceeded', now, { source: router(version) })
      return 'hop-limit-exceeded'
    }
    if (protocol === TCP) return this.#parts.tcp.receive(packet, now)
    const reason = this.#deliver(packet, now)
    if (reason !== undefined) this.#explain(packet, reason, now)
    return reason
  }

  #deliver(packet: IpPacket, now: number): string | undefined {
    const { version, protocol } = packet
    if (protocol === UDP) return this.#parts.udp.receive(packet, now)
    if (protocol === icmpProtocol(version)) return this.#parts.icmp.receive(packet, now)
    return UNKNOWN_PROTOCOL
  }

  /** Tells the sender, where there is something to tell. */
  #explain(packet: IpPacket, reason: string, now: number): void {
    const { errors, router } = this.#parts
    if (reason === 'gateway-address' && packet.protocol === UDP) {
      errors.report(packet, 'port-unreachable', now)
      return
    }
    const kind = FORBIDDEN.has(reason) ? 'admin-prohibited' : errorFor(reason)
    if (kind !== undefined) errors.report(packet, kind, now, { source: router(packet.version) })
  }
}
