import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { FlowMetrics } from './flow-metrics.ts'
import type { MetricSample } from './metric.ts'
import { PortAllocator } from './port-allocator.ts'

const [FIRST, SECOND] = ['203.0.113.1', '2001:db8::1'] as const

function begin(perPeer = false): { metrics: FlowMetrics; tcp: PortAllocator } {
  const tcp = new PortAllocator({ scope: 'destination', ports: [4000, 4001] }, new SeededRandom(1))
  const ports = [{ address: FIRST, protocol: 'tcp' as const, ports: tcp }]
  return { metrics: new FlowMetrics({ addresses: [FIRST, SECOND], ports, perPeer }), tcp }
}

function samples(metrics: FlowMetrics, name: string): readonly MetricSample[] {
  const found = metrics.list().filter((metric) => metric.name === name)
  expect(found).toHaveLength(1)
  return found[0]?.samples ?? []
}

/** The value of the sample with these labels, and no others; zero is nothing. */
function value(metrics: FlowMetrics, name: string, labels: Record<string, string>): number {
  const wanted = JSON.stringify(Object.entries(labels).sort())
  const found = samples(metrics, name).filter((each) => JSON.stringify(Object.entries(each.labels).sort()) === wanted)
  expect(found).toHaveLength(1)
  return found[0]?.value ?? Number.NaN
}

describe('metrics of flows', () => {
  test('active, opened and closed, by protocol and egress address and by why', () => {
    const { metrics } = begin()
    metrics.opened(0, 'tcp', 'alice')
    metrics.opened(0, 'tcp', 'alice')
    metrics.opened(1, 'udp', 'bob')
    metrics.closed(0, 'tcp', 'alice', 'rst_remote')
    metrics.closed(1, 'udp', 'bob', 'idle')
    expect(value(metrics, 'egress_flows_active', { proto: 'tcp', egress_ip: FIRST })).toBe(1)
    expect(value(metrics, 'egress_flows_opened_total', { proto: 'tcp', egress_ip: FIRST })).toBe(2)
    expect(value(metrics, 'egress_flows_active', { proto: 'udp', egress_ip: SECOND })).toBe(0)
    expect(value(metrics, 'egress_flows_opened_total', { proto: 'udp', egress_ip: SECOND })).toBe(1)
    expect(value(metrics, 'egress_flows_opened_total', { proto: 'tcp', egress_ip: SECOND })).toBe(0)
    const closed = samples(metrics, 'egress_flows_closed_total').map((each) => [each.labels['reason'], each.value])
    expect(Object.fromEntries(closed)).toEqual({
      fin: 0,
      rst_client: 0,
      rst_remote: 1,
      idle: 1,
      refused: 0,
      unreachable: 0,
      dial_timeout: 0,
      quota: 0,
      policy: 0,
      shutdown: 0,
    })
  })

  test('refused, by why, within bounds', () => {
    const { metrics } = begin()
    metrics.refused('loopback', 'alice')
    metrics.refused('loopback', 'alice')
    expect(samples(metrics, 'egress_flows_refused_total')).toEqual([{ labels: { reason: 'loopback' }, value: 2 }])
    for (let i = 0; i < 1000; i++) metrics.refused(`reason-${i}`, 'alice')
    const all = samples(metrics, 'egress_flows_refused_total')
    expect(all.length).toBe(65)
    expect(all.reduce((sum, each) => sum + each.value, 0)).toBe(1002)
  })

  test('times to connect, in seconds, each bucket with those below', () => {
    const { metrics } = begin()
    for (const milliseconds of [1, 40, 60, 100, 40_000]) metrics.connected(milliseconds)
    const series = samples(metrics, 'egress_connect_seconds')
    const buckets = series.filter(({ suffix }) => suffix === '_bucket')
    const at = (le: string): number | undefined => buckets.find(({ labels }) => labels['le'] === le)?.value
    expect(['0.001', '0.025', '0.05', '0.1', '30', '+Inf'].map(at)).toEqual([1, 1, 2, 4, 4, 5])
    expect(series.find(({ suffix }) => suffix === '_count')?.value).toBe(5)
    expect(series.find(({ suffix }) => suffix === '_sum')?.value).toBeCloseTo(40.201, 6)
    for (const [i, bucket] of buckets.entries()) {
      expect(bucket.value).toBeGreaterThanOrEqual(buckets[Math.max(0, i - 1)]!.value)
    }
  })

  test('ports: in use for the busiest destination, capacity, exhausted and not to be had', () => {
    const { metrics, tcp } = begin()
    const labels = { proto: 'tcp', egress_ip: FIRST }
    for (const destination of ['a', 'a', 'a', 'b']) tcp.take(destination, 0)
    expect(value(metrics, 'egress_ports_in_use', labels)).toBe(2)
    expect(value(metrics, 'egress_ports_capacity', labels)).toBe(2)
    expect(value(metrics, 'egress_port_allocation_failures_total', labels)).toBe(1)
    tcp.failed('a', 4000, 0)
    expect(value(metrics, 'egress_port_bind_failures_total', labels)).toBe(1)
    expect(value(metrics, 'egress_ports_in_use', labels)).toBe(1)
  })

  test('of each peer only when asked for, and then of a thousand', () => {
    const { metrics: without } = begin()
    without.opened(0, 'tcp', 'alice')
    expect(JSON.stringify(without.list())).not.toContain('alice')
    const { metrics } = begin(true)
    metrics.opened(0, 'tcp', 'alice')
    metrics.refused('cgnat', 'alice')
    metrics.transferred('alice', 10, 20)
    for (let i = 0; i < 2000; i++) metrics.opened(0, 'tcp', `peer-${i}`)
    metrics.closed(0, 'tcp', 'peer-1999', 'fin')
    metrics.closed(0, 'tcp', 'alice', 'fin')
    expect(value(metrics, 'egress_peer_flows_active', { peer: 'alice' })).toBe(0)
    expect(value(metrics, 'egress_peer_flows_opened_total', { peer: 'alice' })).toBe(1)
    expect(value(metrics, 'egress_peer_flows_refused_total', { peer: 'alice' })).toBe(1)
    expect(value(metrics, 'egress_peer_bytes_total', { peer: 'alice', direction: 'sent' })).toBe(10)
    expect(value(metrics, 'egress_peer_bytes_total', { peer: 'alice', direction: 'received' })).toBe(20)
    expect(value(metrics, 'egress_peer_flows_active', { peer: '' })).toBe(1000)
    expect(samples(metrics, 'egress_peer_flows_active')).toHaveLength(1001)
  })
})
