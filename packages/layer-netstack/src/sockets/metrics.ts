import { counter, gauge, type Metric, sample } from '../egress/metric.ts'
import type { RunningSockets } from './running-sockets.ts'
import { statisticsOf } from './statistics.ts'

/** All metrics of the rootless host end. Allocates. */
export function metricsOf(running: RunningSockets): readonly Metric[] {
  const { tcp, dials, reassembly, icmpErrors, addressFailures } = statisticsOf(running)
  return [
    ...running.metrics.list(),
    counter('egress_address_failures_total', 'Flows that failed as the egress address was not to be had.', [
      sample(addressFailures),
    ]),
    gauge('egress_dials_active', 'Connections being dialled.', [sample(dials)]),
    gauge('netstack_tcp_connections', 'Connections to clients, those in TIME-WAIT included.', [
      sample(tcp.connections),
    ]),
    gauge('netstack_tcp_memory_bytes', 'Memory of the buffers of connections.', [sample(tcp.memory)]),
    gauge('netstack_fragmented_datagrams_incomplete', 'Fragmented datagrams of which a part has come.', [
      sample(reassembly.datagrams),
    ]),
    counter('netstack_icmp_errors_generated_total', 'ICMP errors of our own.', [sample(icmpErrors.sent)]),
    counter('netstack_icmp_errors_limited_total', 'ICMP errors not sent, to keep within the rate.', [
      sample(icmpErrors.limited),
    ]),
  ]
}
