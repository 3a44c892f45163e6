import { readFileSync } from 'node:fs'
import { decodePacket, ipv4, LayerRig, packetFromText, payload, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { DropCounts } from './drop-counts.ts'
import { nat } from './nat.ts'
import type { NatLayer } from './nat-layer.ts'
import { Conversation } from './test-support/conversation.ts'

const udpFrom = (port: number, ttl = 64): Uint8Array =>
  ipv4({ source: '10.0.0.2', destination: '198.51.100.7', ttl }, udpSegment({ sourcePort: port, destinationPort: 53 }))

/** The sample with all of these labels. */
function value(layer: NatLayer, name: string, labels: Record<string, string> = {}): number | undefined {
  const samples = layer.metrics().find((metric) => metric.name === name)?.samples ?? []
  return samples.find((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))?.value
}

describe('the metrics of nat', () => {
  test('none before start; then names and labels of OpenMetrics, each sample once, and counters end in _total', async () => {
    const layer = nat({ address: ['203.0.113.1', '203.0.113.2'], flowLog: () => {} })
    expect(layer.metrics()).toEqual([])
    await LayerRig.start(layer)
    const metrics = layer.metrics()
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length)
    for (const { name, type, help, samples } of metrics) {
      expect(name).toMatch(/^(nat|egress)_[a-z_]+$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      expect(help).toMatch(/\.$/)
      const keys = samples.map(({ labels }) => JSON.stringify(labels))
      expect(new Set(keys).size, name).toBe(keys.length)
    }
  })

  test('allocation failures, by what had run out', async () => {
    const layer = nat({ address: '203.0.113.7', ports: [4000, 4001], portsPerPeer: 10, reservedPorts: [4001] })
    const rig = await LayerRig.start(layer)
    const failures = (resource: string) => value(layer, 'egress_port_allocation_failures_total', { resource })
    expect(failures('ports')).toBe(0)
    rig.up(udpFrom(1), udpFrom(2), udpFrom(3))
    expect(failures('ports')).toBe(2)
    expect(failures('peer-ports')).toBe(0)
    const udp = { proto: 'udp', egress_ip: '203.0.113.7' }
    expect(value(layer, 'egress_ports_in_use', udp)).toBe(1)
    expect(value(layer, 'egress_ports_capacity', udp)).toBe(1)
    layer.drain('203.0.113.7')
    rig.up(udpFrom(4))
    expect(failures('addresses')).toBe(1)
  })

  test('quotas are of sessions, not of ports', async () => {
    const layer = nat({ address: '203.0.113.7', sessions: 2, sessionsPerPeer: 1 })
    const rig = await LayerRig.start(layer)
    rig.up(udpFrom(1), udpFrom(2), udpFrom(3))
    expect(value(layer, 'nat_sessions_refused_total', { resource: 'peer-sessions' })).toBe(2)
    expect(value(layer, 'nat_sessions_capacity')).toBe(2)
    expect(value(layer, 'nat_dropped_packets_total', { reason: 'quota' })).toBe(2)
  })

  test('flows by outside address, protocol and end', async () => {
    const layer = nat({ address: ['203.0.113.1', '203.0.113.2'], pick: 'per-flow' })
    const rig = await LayerRig.start(layer)
    for (let port = 1; port <= 40; port++) rig.up(udpFrom(port))
    const sources = rig.take().map(({ bytes }) => decodePacket(bytes).source)
    for (const egress_ip of ['203.0.113.1', '203.0.113.2']) {
      const expected = sources.filter((source) => source === egress_ip).length
      expect(expected).toBeGreaterThan(0)
      expect(value(layer, 'egress_flows_active', { proto: 'udp', egress_ip })).toBe(expected)
    }
    expect(value(layer, 'egress_flows_active', { proto: 'tcp' })).toBe(0)
    rig.clock.advance(300_000)
    expect(value(layer, 'egress_flows_closed_total', { reason: 'idle' })).toBe(40)
    expect(value(layer, 'egress_flows_active', { proto: 'udp' })).toBe(0)
    const opened = ['203.0.113.1', '203.0.113.2'].map((egress_ip) =>
      value(layer, 'egress_flows_opened_total', { proto: 'udp', egress_ip }),
    )
    expect((opened[0] as number) + (opened[1] as number)).toBe(40)
  })

  test('a connection that was reset has not ended idle', async () => {
    const layer = nat({ address: '203.0.113.7' })
    const talk = (await Conversation.through(layer)).handshake()
    talk.up('RST', 1001, 5001)
    talk.rig.clock.advance(240_000)
    expect(value(layer, 'egress_flows_closed_total', { reason: 'rst' })).toBe(1)
    expect(value(layer, 'egress_flows_closed_total', { reason: 'idle' })).toBe(0)
  })

  test('drops and errors, of both sides and outside of batches', async () => {
    const layer = nat({ address: '203.0.113.7' })
    const rig = await LayerRig.start(layer)
    rig.up(udpFrom(1, 1), packetFromText('UDP 127.0.0.1:5 > 198.51.100.7:53'))
    rig.down(packetFromText('UDP 198.51.100.7:53 > 203.0.113.7:9999'))
    // A later fragment whose first never comes is given up when its time is over.
    const fragment = { source: '10.0.0.2', destination: '198.51.100.7', fragmentOffset: 800 }
    rig.up(ipv4(fragment, payload(17, 'the end of a datagram')))
    expect(value(layer, 'nat_fragmented_datagrams_incomplete')).toBe(1)
    rig.clock.advance(60_000)
    expect(value(layer, 'nat_fragmented_datagrams_incomplete')).toBe(0)
    const dropped = (reason: string) => value(layer, 'nat_dropped_packets_total', { reason })
    expect([dropped('ttl'), dropped('martian'), dropped('no_mapping'), dropped('fragment')]).toEqual([1, 1, 1, 1])
    expect(rig.drops.size).toBe(4)
    expect(value(layer, 'nat_icmp_errors_generated_total', { side: 'inside' })).toBe(1)
    expect(value(layer, 'nat_icmp_errors_generated_total', { side: 'outside' })).toBe(0)
  })

  test('every metric is in docs/nat.md', async () => {
    const layer = nat({ address: '203.0.113.7', flowLog: () => {} })
    await LayerRig.start(layer)
    const page = readFileSync(new URL('../../../docs/nat.md', import.meta.url), 'utf8')
    const names = layer.metrics().map(({ name }) => `\`${name}\``)
    const reasons = new DropCounts().list().map(({ reason }) => `\`${reason}\``)
    expect([...names, ...reasons].filter((name) => !page.includes(name))).toEqual([])
  })
})
