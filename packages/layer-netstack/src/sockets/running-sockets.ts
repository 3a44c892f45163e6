import type { Batch, Context, IpPacket, Service } from '@millrace/core'
import { SYSTEM_CALLS } from '@millrace/native'
import type { Subject } from 'rxjs'
import { DestinationPolicy } from '../egress/destination-policy.ts'
import { EgressAddresses } from '../egress/egress-addresses.ts'
import { FlowMetrics } from '../egress/flow-metrics.ts'
import { FlowLimits } from '../egress/limits.ts'
import { Echo } from '../icmp/echo.ts'
import { Icmp } from '../icmp/icmp.ts'
import { IcmpErrors } from '../icmp/icmp-errors.ts'
import { Reassembly } from '../ip/reassembly.ts'
import { MachineLoop } from '../loop/machine-loop.ts'
import type { StackSurroundings } from '../surroundings.ts'
import { readTcpOptions } from '../tcp/options.ts'
import { Tcp } from '../tcp/tcp.ts'
import { Udp } from '../udp/udp.ts'
import { EchoRelay } from './echo-relay.ts'
import { EgressPorts } from './egress-ports.ts'
import { FlowGate } from './flow-gate.ts'
import { FlowNotes, type SocketsEvent } from './flow-notes.ts'
import { GatewayAddresses } from './gateway-addresses.ts'
import { GatewayMachine } from './gateway-machine.ts'
import { NameService, readNameServer } from './name-service.ts'
import { policyOf, type SocketsSettings } from './options.ts'
import { makeTcpOutlets, makeUdpOutlets } from './outlets.ts'
import { Pings } from './pings.ts'
import { TcpRelay } from './tcp-relay.ts'
import { UdpRelay } from './udp-relay.ts'

/** Beyond the connections that are being dialled: those whose clients have not answered yet. */
const ANSWERED = 1024
/** Dials at once, as `FlowLimits` has it by itself. */
const DIALS = 3072

/** All that there is between start and stop. */
export class RunningSockets {
  readonly loop: MachineLoop
  readonly addresses: EgressAddresses
  readonly limits: FlowLimits
  readonly metrics: FlowMetrics
  readonly notes: FlowNotes
  readonly errors: IcmpErrors
  readonly reassembly: Reassembly
  readonly tcp: Tcp
  readonly tcpRelay: TcpRelay
  readonly udpRelay: UdpRelay
  readonly echoRelay: EchoRelay
  readonly #settings: SocketsSettings
  readonly #context: Context
  readonly #gateway: GatewayAddresses

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(settings: SocketsSettings, context: Context, stack: Service<IpPacket>, events: Subject<SocketsEvent>) {
    const { random } = context
    this.#settings = settings
    this.#context = context
    this.loop = new MachineLoop(context, stack)
    this.addresses = new EgressAddresses(settings.egress, random)
    this.limits = new FlowLimits(settings.limits)
    this.#gateway = new GatewayAddresses(settings.gatewayAddresses)
    const ports = new EgressPorts(this.addresses.all, settings, random)
    const addresses = this.addresses.all.map(({ address }) => address)
    this.metrics = new FlowMetrics({ addresses, ports: ports.list(), perPeer: settings.perPeerMetrics })
    this.notes = new FlowNotes(this.metrics, events)
    const gate = new FlowGate({
      policy: new DestinationPolicy(policyOf(settings)),
      addresses: this.addresses,
      limits: this.limits,
      portsOf: (address, protocol) => ports.of(address, protocol),
      random,
      notes: this.notes,
      names:
        settings.nameServer === undefined
          ? undefined
          : new NameService(readNameServer(settings.nameServer), this.#gateway),
    })
    const { outbox } = this.loop
    this.errors = new IcmpErrors(settings.icmpErrors ?? {}, outbox)
    this.reassembly = this.#makeReassembly()
    this.tcp = this.#makeTcp()
    this.tcpRelay = this.#makeTcpRelay(gate)
    this.udpRelay = this.#makeUdpRelay(gate)
    this.echoRelay = this.#makeEchoRelay(gate)
    this.loop.run(this.#makeMachine())
  }

  serve(batch: Batch<IpPacket>): void {
    try {
      this.loop.serve(batch)
    } finally {
      // What goes out is sent from the memory of these packets.
      this.udpRelay.flush()
    }
  }

  /** Ends all flows. Resolves when all sockets are closed. */
  async stop(): Promise<void> {
    const stopping = [this.tcpRelay.stop(), this.udpRelay.stop(), this.echoRelay.stop()]
    this.loop.stop()
    await Promise.all(stopping)
  }

  get #surroundings(): StackSurroundings {
    const { random, pool, clock } = this.#context
    return { outbox: this.loop.outbox, sums: pool.sums, random, now: clock.now(), errors: this.errors }
  }

  /** Of each flow table: one more than the limits have, as it is they that refuse. */
  get #places(): number {
    return this.limits.maximumFlows + 1
  }

  #makeReassembly(): Reassembly {
    const { random, pool, clock, drop } = this.#context
    return new Reassembly(this.#settings.reassembly ?? {}, {
      pool,
      random,
      now: clock.now(),
      drop,
      timedOut: (first) => {
        const source = this.#router(first.version)
        this.errors.report(first, 'reassembly-time-exceeded', clock.now(), { source })
      },
    })
  }

  #makeTcp(): Tcp {
    const { limits, mtu, dialTimeout } = this.#settings
    const { native: _, ...tcp } = this.#settings.tcp ?? {}
    const halfOpen = (limits?.dials ?? DIALS) + ANSWERED
    // Whether a dial takes too long is for the relay to say.
    const acceptTimeout = dialTimeout + 60_000
    return new Tcp({ halfOpen, acceptTimeout, ...tcp, mtu, superPackets: false }, this.#surroundings)
  }

  #makeTcpRelay(gate: FlowGate): TcpRelay {
    const { tcp, dialTimeout } = this.#settings
    const { keepaliveIdle, memory } = readTcpOptions(tcp)
    const { clock } = this.#context
    const outlets = makeTcpOutlets(this.#settings, this.#context, this.tcp, { wake: this.#wake, keepaliveIdle })
    return new TcpRelay({ dialTimeout, memory }, { tcp: this.tcp, outlets, gate, clock, wake: this.#wake })
  }

  #makeUdpRelay(gate: FlowGate): UdpRelay {
    const { udp = {}, mtu } = this.#settings
    const { clock, drop } = this.#context
    const parts = { gate, outlets: makeUdpOutlets(this.#settings, this.#context), clock, wake: this.#wake, drop }
    return new UdpRelay(
      udp.connected ?? false,
      parts,
      (listener) => new Udp({ ...udp, flows: this.#places, mtu }, this.#surroundings, listener),
    )
  }

  #makeEchoRelay(gate: FlowGate): EchoRelay {
    const { echo, mtu } = this.#settings
    const { clock, drop, random, runtime } = this.#context
    const system = runtime.get(SYSTEM_CALLS)
    const parts = { gate, clock, gateway: this.#gateway, wake: this.#wake, drop }
    return new EchoRelay(
      parts,
      (listener) => new Echo({ ...echo, flows: this.#places, mtu }, this.#surroundings, listener),
      (listener) =>
        system === undefined
          ? 'no system calls'
          : Pings.open(system, this.addresses.all, listener, () => clock.now(), random.uint32()),
    )
  }

  #makeMachine(): GatewayMachine {
    const { udp } = this.udpRelay
    const echo = this.echoRelay.machine
    return new GatewayMachine({
      tcp: this.tcp,
      tcpRelay: this.tcpRelay,
      udp,
      udpRelay: this.udpRelay,
      echo,
      icmp: new Icmp({ echo, tcp: this.tcp, udp }, this.#context.pool.sums),
      errors: this.errors,
      reassembly: this.reassembly,
      gateway: this.#gateway,
      router: (family) => this.#router(family),
    })
  }

  readonly #wake = (): void => this.loop.wake()

  /** Whom the errors of a router come from. */
  #router(family: 4 | 6): Uint8Array | undefined {
    return this.#gateway.first(family) ?? this.addresses.all.find((address) => address.family === family)?.bytes
  }
}
