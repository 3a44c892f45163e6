import type { IcmpAnswerStatistics } from '@millrace/core'
import type { DropCounts } from './drop-counts.ts'
import { nameOf } from './egress.ts'
import type { NatResource } from './exhaustion.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import type { NatLogs } from './start-table.ts'
import type { NatTable } from './table.ts'

/** One value, and what it is of. */
export interface NatSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric in the manner of OpenMetrics: a counter counts from start on. */
export interface NatMetric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly NatSample[]
}

/** What the metrics are taken from. */
export interface MetricSources {
  readonly table: NatTable
  readonly refused: Readonly<Record<NatResource, number>>
  readonly drops: DropCounts
  readonly errors: Readonly<Record<'inside' | 'outside', IcmpAnswerStatistics>>
  readonly incompleteDatagrams: number
  /** Undefined where none are sent. */
  readonly resets: IcmpAnswerStatistics | undefined
  readonly logs: NatLogs
}

/** What runs out of ports; the rest of what may run out is of sessions. */
const PORT_RESOURCES: readonly NatResource[] = ['ports', 'peer-ports', 'blocks', 'addresses']
const SESSION_RESOURCES: readonly NatResource[] = ['sessions', 'peer-sessions', 'peer-rate']
const PORTED = [
  ['tcp', TCP],
  ['udp', UDP],
  ['icmp', ICMP],
] as const

/** All metrics of a NAT. Allocates. */
export function metricsOf(sources: MetricSources): readonly NatMetric[] {
  const { refused, drops, errors, incompleteDatagrams } = sources
  const { flows, view } = sources.table
  const byFlow = (key: 'active' | 'opened'): NatSample[] =>
    flows.list().map((flow) => sample(flow[key], { proto: flow.protocol, egress_ip: flow.address }))
  const byResource = (resources: readonly NatResource[]): NatSample[] =>
    resources.map((resource) => sample(refused[resource], { resource }))
  const metrics = [
    counter(
      'egress_port_allocation_failures_total',
      'Packets that would have begun a flow, refused as no outside port was left for them.',
      byResource(PORT_RESOURCES),
    ),
    counter(
      'nat_sessions_refused_total',
      'Packets that would have begun a flow, refused as the table, or the share or rate of their peer, was used up.',
      byResource(SESSION_RESOURCES),
    ),
    gauge('egress_flows_active', 'Sessions now.', byFlow('active')),
    gauge('nat_sessions_capacity', 'Most sessions at once.', [sample(view.capacity)]),
    counter('egress_flows_opened_total', 'Sessions begun.', byFlow('opened')),
    counter(
      'egress_flows_closed_total',
      'Sessions removed, by how they ended.',
      Object.entries(flows.ended).map(([reason, value]) => sample(value, { reason })),
    ),
    gauge(
      'egress_ports_in_use',
      'Outside ports and identifiers held by one inside endpoint each.',
      held(sources.table),
    ),
    gauge('egress_ports_capacity', 'Outside ports and identifiers that may be held.', capacities(sources.table)),
    counter(
      'nat_dropped_packets_total',
      'Packets dropped.',
      drops.list().map(({ reason, packets }) => sample(packets, { reason })),
    ),
    counter(
      'nat_icmp_errors_generated_total',
      'ICMP errors of our own.',
      Object.entries(errors).map(([side, { sent }]) => sample(sent, { side })),
    ),
    counter(
      'nat_icmp_errors_limited_total',
      'ICMP errors not sent, to keep within the rate.',
      Object.entries(errors).map(([side, { limited }]) => sample(limited, { side })),
    ),
    gauge('nat_fragmented_datagrams_incomplete', 'Fragmented datagrams of which a part has come.', [
      sample(incompleteDatagrams),
    ]),
  ]
  return [...metrics, ...optional(sources)]
}

/** Of what is there only where it was asked for. */
function optional({ table, resets, logs }: MetricSources): NatMetric[] {
  const metrics: NatMetric[] = []
  const byBlocks = (key: 'inUse' | 'capacity'): NatSample[] =>
    table.blocks.map((blocks, which) => sample(blocks[key], { egress_ip: nameOf(table.egress.address(which)) }))
  if (table.blocks.length > 0) {
    metrics.push(
      gauge('egress_port_blocks_in_use', 'Port blocks that peers have.', byBlocks('inUse')),
      gauge('egress_port_blocks_capacity', 'Port blocks that peers may have.', byBlocks('capacity')),
    )
  }
  if (resets !== undefined) {
    metrics.push(
      counter('nat_tcp_resets_generated_total', 'Resets of unknown TCP connections.', [sample(resets.sent)]),
      counter('nat_tcp_resets_limited_total', 'Resets not sent, to keep within the rate.', [sample(resets.limited)]),
    )
  }
  if (logs.flows !== undefined) {
    metrics.push(counter('nat_flow_log_lost_total', 'Lines of the flow log not written.', [sample(logs.flows.lost)]))
  }
  if (logs.blocks !== undefined) {
    const help = 'Lines of the log of port blocks not written.'
    metrics.push(counter('nat_port_block_log_lost_total', help, [sample(logs.blocks.lost)]))
  }
  return metrics
}

function held(table: NatTable): NatSample[] {
  return byPorts(table, (ports, protocol) => ports.held(protocol))
}

function capacities(table: NatTable): NatSample[] {
  return byPorts(table, (ports, protocol) => ports.capacity(protocol))
}

/** Only of protocols whose ports have one inside endpoint each: where destinations share them, there is no such number. */
function byPorts(
  { egress, ports }: NatTable,
  read: (ports: NatTable['ports'][number], protocol: number) => number | undefined,
): NatSample[] {
  return ports.flatMap((each, which) =>
    PORTED.flatMap(([proto, protocol]) => {
      if (each.capacity(protocol) === undefined) return []
      return [sample(read(each, protocol) ?? 0, { proto, egress_ip: nameOf(egress.address(which)) })]
    }),
  )
}

function sample(value: number, labels: Readonly<Record<string, string>> = {}): NatSample {
  return { labels, value }
}

function counter(name: string, help: string, samples: readonly NatSample[]): NatMetric {
  return { name, type: 'counter', help, samples }
}

function gauge(name: string, help: string, samples: readonly NatSample[]): NatMetric {
  return { name, type: 'gauge', help, samples }
}
