import { ipv4, ipv6, LayerRig, type RigOutput, runScript, tcpSegment, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat64 } from './nat64/nat64.ts'
import type { Nat64Options } from './nat64/options.ts'
import { nat66 } from './nat66/nat66.ts'
import { type Nptv6Options, nptv6 } from './nptv6/nptv6.ts'
import { cut, join } from './test-support/cut.ts'
import { cut6, join6 } from './test-support/cut6.ts'
import { NAT64, NAT64_INSIDE, nat64Cases, nat66Cases, npt66Cases, PREFIX } from './test-support/vpp-ipv6-cases.ts'

// The cases of VPP's suites for NAT64, NAT66 and NPT66 that apply here, by their names there. docs/nat.md lists the others.

const start64 = (options: Partial<Nat64Options> = {}): Promise<LayerRig> =>
  LayerRig.start(nat64({ address: NAT64, prefix: PREFIX, sessions: 1024, ...options }))
const bytesOf = (outputs: readonly RigOutput[]): Uint8Array[] => outputs.map(({ bytes }) => bytes)

describe("VPP's cases for NAT64", () => {
  test.each(Object.entries(nat64Cases))('%s', async (_name, [options, script]) => {
    const rig = await start64(options)
    runScript(rig, script)
    expect(rig.pool.inUse).toBe(0)
  })

  const data = Uint8Array.from({ length: 2900 }, (_, i) => i)
  const remote = { source: '198.51.100.7', destination: NAT64, id: 9 }
  const forwards = (['tcp', 'udp'] as const).map((protocol) => ({ protocol, port: 80, to: 'fd00::5', toPort: 8080 }))
  const segments = [
    tcpSegment({ sourcePort: 5, destinationPort: 80, flags: 'SYN' }, data),
    udpSegment({ sourcePort: 5, destinationPort: 80 }, data),
  ]
  const ways = { frag_in_order: [0, 1, 2], frag_out_of_order: [2, 0, 1] }
  test.each(Object.entries(ways))('%s: TCP and UDP, both ways', async (_name, order) => {
    const rig = await start64({ forwards })
    for (const [i, segment] of segments.entries()) {
      const up = cut6(ipv6({ source: 'fd00::2', destination: '2001:db8:64::c633:6407' }, segment), 1280, 9 + i)
      for (const which of order) rig.up(up[which]!)
      const sent = join(bytesOf(rig.take()))
      expect(sent).toMatchObject({ source: NAT64, destination: '198.51.100.7', destinationPort: 80, payload: data })
      const down = cut(ipv4({ ...remote, id: 9 + i }, segment), 1100)
      for (const which of order) rig.down(down[which]!)
      const received = join6(bytesOf(rig.take()))
      expect(received).toMatchObject({ destination: 'fd00::5', destinationPort: 8080, payload: data })
    }
    expect([rig.drops.size, rig.pool.inUse]).toEqual([0, 0])
  })

  test.each(Object.entries(ways))('reass_hairpinning, %s: from host to host inside', async (_name, order) => {
    const rig = await start64({ forwards })
    for (const [i, segment] of segments.entries()) {
      const fragments = cut6(ipv6({ source: 'fd00::2', destination: NAT64_INSIDE }, segment), 1280, 9 + i)
      for (const which of order) rig.up(fragments[which]!)
      const outputs = rig.take()
      expect(outputs.map(({ direction }) => direction)).toEqual(['down', 'down', 'down'])
      const received = join6(bytesOf(outputs))
      expect(received).toMatchObject({ source: NAT64_INSIDE, destination: 'fd00::5', destinationPort: 8080 })
      expect(received.payload).toEqual(data)
    }
    expect([rig.drops.size, rig.pool.inUse]).toEqual([0, 0])
  })
})

test.each(Object.entries(nat66Cases))("VPP's case for NAT66: %s", async (_name, [options, script]) => {
  const rig = await LayerRig.start(nat66({ address: '2001:db8::7', ...options }))
  runScript(rig, script)
  expect(rig.pool.inUse).toBe(0)
})

test.each(Object.entries(npt66Cases))("VPP's case for NPT66: %s", async (_name, [options, script]) => {
  const rig = await LayerRig.start(nptv6(options as Nptv6Options))
  runScript(rig, script)
  expect(rig.pool.inUse).toBe(0)
})
