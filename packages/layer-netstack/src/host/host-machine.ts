import { type Context, type IpPacket, TCP, UDP } from '@millrace/core'
import { Echo } from '../icmp/echo.ts'
import { Icmp } from '../icmp/icmp.ts'
import type { IcmpErrors } from '../icmp/icmp-errors.ts'
import { icmpProtocol } from '../icmp/messages.ts'
import { Reassembly } from '../ip/reassembly.ts'
import type { Machine } from '../loop/machine-loop.ts'
import type { StackSurroundings } from '../surroundings.ts'
import type { TcpListener } from '../tcp/listener.ts'
import type { Tcp } from '../tcp/tcp.ts'
import type { UdpPorts } from '../udp/udp-ports.ts'
import type { HostAddresses } from './host-addresses.ts'

export interface HostParts {
  readonly addresses: HostAddresses
  readonly tcp: Tcp
  readonly listener: TcpListener
  readonly udp: UdpPorts
  readonly mtu: number
}

/** Between the packets of a stack and the sockets of a host: takes what is sent to the host, by protocol, and answers pings. */
export class HostMachine implements Machine {
  readonly #addresses: HostAddresses
  readonly #tcp: Tcp
  readonly #listener: TcpListener
  readonly #udp: UdpPorts
  readonly #errors: IcmpErrors
  readonly #echo: Echo
  readonly #icmp: Icmp
  readonly #reassembly: Reassembly

  constructor({ addresses, tcp, listener, udp, mtu }: HostParts, surroundings: StackSurroundings, context: Context) {
    const { errors, sums, random, now } = surroundings
    this.#addresses = addresses
    this.#tcp = tcp
    this.#listener = listener
    this.#udp = udp
    this.#errors = errors
    this.#echo = new Echo({ mtu }, surroundings, {
      opened() {},
      echo: (flow, sequence, payload) => {
        const reason = this.#echo.reply(flow, sequence, payload, context.clock.now())
        // What is answered at once holds no place.
        this.#echo.close(flow)
        return reason
      },
      closed() {},
    })
    this.#icmp = new Icmp({ echo: this.#echo, tcp, udp }, sums)
    this.#reassembly = new Reassembly(
      {},
      {
        pool: context.pool,
        random,
        now,
        drop: (reason, packets) => context.drop(reason, packets),
        timedOut: (first) => void errors.report(first, 'reassembly-time-exceeded', context.clock.now()),
      },
    )
  }

  get deadline(): number {
    return Math.min(this.#tcp.deadline, this.#echo.deadline, this.#reassembly.deadline)
  }

  get hasEvents(): boolean {
    return this.#tcp.hasEvents
  }

  receive(packet: IpPacket, now: number): string | undefined {
    if (!this.#addresses.isFor(packet)) return 'not-for-this-host'
    if (!packet.isFragment) return this.#receiveWhole(packet, now)
    const whole = this.#reassembly.receive(packet, now)
    if (whole === undefined || typeof whole === 'string') return whole
    const reason = this.#receiveWhole(whole, now)
    whole.release()
    return reason
  }

  advance(now: number): void {
    this.#tcp.advance(now)
    this.#echo.advance(now)
    this.#reassembly.advance(now)
  }

  dispatch(): void {
    this.#tcp.dispatch(this.#listener)
  }

  flush(now: number): boolean {
    return this.#tcp.flush(now)
  }

  #receiveWhole(packet: IpPacket, now: number): string | undefined {
    switch (packet.protocol) {
      case TCP:
        return this.#tcp.receive(packet, now)
      case UDP: {
        const reason = this.#udp.receive(packet, now)
        if (reason === 'udp-port-closed') this.#errors.report(packet, 'port-unreachable', now)
        return reason
      }
      case icmpProtocol(packet.version):
        return this.#icmp.receive(packet, now)
      default:
        return 'protocol-not-supported'
    }
  }
}
