import { Histogram } from './histogram.ts'
import { counter, gauge, type Metric, type MetricSample, sample } from './metric.ts'
import { PeerCounts } from './peer-counts.ts'
import type { PortAllocator } from './port-allocator.ts'

/** Why a flow has ended. `rst_client` and `rst_remote` say who reset it; `quota` and `policy` that we ended it. */
export type FlowEnd =
  | 'fin'
  | 'rst_client'
  | 'rst_remote'
  | 'idle'
  | 'refused'
  | 'unreachable'
  | 'dial_timeout'
  | 'quota'
  | 'policy'
  | 'shutdown'

export type FlowProtocol = 'tcp' | 'udp' | 'icmp'

/** The ports of one egress address and protocol. */
export interface FlowPorts {
  readonly address: string
  readonly protocol: FlowProtocol
  readonly ports: Pick<PortAllocator, 'capacity' | 'mostHeld' | 'exhausted' | 'refused'>
}

export interface FlowMetricOptions {
  /** Egress addresses as text; flows name them by their place here. */
  readonly addresses: readonly string[]
  readonly ports: readonly FlowPorts[]
  /** Whether each peer is counted by its name: as many series as there are peers, 1,000 at most. Default false. */
  readonly perPeer?: boolean
}

const PROTOCOLS: readonly FlowProtocol[] = ['tcp', 'udp', 'icmp']
const ENDS: readonly FlowEnd[] = [
  'fin',
  'rst_client',
  'rst_remote',
  'idle',
  'refused',
  'unreachable',
  'dial_timeout',
  'quota',
  'policy',
  'shutdown',
]
/** Seconds: from a neighbour to a dial that is about to be given up. */
const CONNECT_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** Reasons of refusals come from a short list; this is for whoever might pass something else. */
const MAXIMUM_REASONS = 64

/** Counts flows. A flow counts as opened when it is dialled, or its first datagram goes out. */
export class FlowMetrics {
  readonly #options: FlowMetricOptions
  readonly #active: Float64Array
  readonly #opened: Float64Array
  readonly #ended = new Map<FlowEnd, number>(ENDS.map((end) => [end, 0]))
  readonly #refused = new Map<string, number>()
  readonly #connects: Histogram = new Histogram(CONNECT_BOUNDS)
  readonly #peers: PeerCounts | undefined

  constructor(options: FlowMetricOptions) {
    this.#options = options
    this.#active = new Float64Array(options.addresses.length * PROTOCOLS.length)
    this.#opened = new Float64Array(options.addresses.length * PROTOCOLS.length)
    this.#peers = options.perPeer ? new PeerCounts() : undefined
  }

  /** `address` is the number of the egress address. */
  opened(address: number, protocol: FlowProtocol, peer: string): void {
    const place = address * PROTOCOLS.length + PROTOCOLS.indexOf(protocol)
    this.#active[place] = (this.#active[place] as number) + 1
    this.#opened[place] = (this.#opened[place] as number) + 1
    this.#peers?.opened(peer)
  }

  closed(address: number, protocol: FlowProtocol, peer: string, end: FlowEnd): void {
    const place = address * PROTOCOLS.length + PROTOCOLS.indexOf(protocol)
    this.#active[place] = (this.#active[place] as number) - 1
    this.#ended.set(end, (this.#ended.get(end) ?? 0) + 1)
    this.#peers?.closed(peer)
  }

  /** The other end has answered, after so many milliseconds. */
  connected(duration: number): void {
    this.#connects.observe(duration / 1000)
  }

  /** A flow that there was not to be: what the policy, the limits or the egress addresses say. */
  refused(reason: string, peer: string): void {
    const known = this.#refused.has(reason) || this.#refused.size < MAXIMUM_REASONS
    const name = known ? reason : 'other'
    this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1)
    this.#peers?.refused(peer)
  }

  /** Bytes of payload, from the peer outwards (`sent`) and to it; for who counts by peer. */
  transferred(peer: string, sent: number, received: number): void {
    this.#peers?.transferred(peer, sent, received)
  }

  /** All of them. Allocates. */
  list(): readonly Metric[] {
    const { ports } = this.#options
    const byPorts = (read: (ports: FlowPorts['ports']) => number): MetricSample[] =>
      ports.map(({ address, protocol, ports }) => sample(read(ports), { proto: protocol, egress_ip: address }))
    const byReason = (counts: ReadonlyMap<string, number>): MetricSample[] =>
      [...counts].map(([reason, count]) => sample(count, { reason }))
    return [
      counter(
        'egress_port_allocation_failures_total',
        'Flows refused as no port was left for them.',
        byPorts(({ exhausted }) => exhausted),
      ),
      counter(
        'egress_port_bind_failures_total',
        'Ports that the system did not let us have.',
        byPorts(({ refused }) => refused),
      ),
      gauge('egress_flows_active', 'Flows now.', this.#byFlow(this.#active)),
      counter('egress_flows_opened_total', 'Flows begun.', this.#byFlow(this.#opened)),
      counter('egress_flows_closed_total', 'Flows ended, by how.', byReason(this.#ended)),
      counter('egress_flows_refused_total', 'Flows that were not begun, by why.', byReason(this.#refused)),
      this.#connects.metric('egress_connect_seconds', 'Time until the other end had answered.'),
      gauge(
        'egress_ports_in_use',
        'Ports held: with TCP, for the destination that has the most.',
        byPorts((ports) => ports.mostHeld()),
      ),
      gauge(
        'egress_ports_capacity',
        'Ports that may be held: with TCP, for each destination.',
        byPorts(({ capacity }) => capacity),
      ),
      ...(this.#peers?.metrics() ?? []),
    ]
  }

  #byFlow(counts: Float64Array): MetricSample[] {
    return this.#options.addresses.flatMap((address, i) =>
      PROTOCOLS.map((proto, kind) =>
        sample(counts[i * PROTOCOLS.length + kind] as number, { proto, egress_ip: address }),
      ),
    )
  }
}
