import { ipv4, LayerRig, runScript, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'
import { cut, join } from './test-support/cut.ts'

const NAT = '203.0.113.7'
const start = (options: Partial<NatOptions> = {}): Promise<LayerRig> =>
  LayerRig.start(nat({ address: NAT, ...options }))

describe('hairpinning: between two inside hosts, by way of the outside address', () => {
  test.each<[string, Partial<NatOptions>, string]>([
    [
      'both have spoken: each sees the outside address of the other (RFC 4787 REQ-9a)',
      {},
      `up UDP 10.0.0.2:5000 > 198.51.100.7:3478 => up UDP ${NAT}:$a > 198.51.100.7:3478
       up UDP 10.0.0.3:6000 > 198.51.100.7:3478 => up UDP ${NAT}:$b > 198.51.100.7:3478
       up UDP 10.0.0.2:5000 > ${NAT}:$b         => drop no-mapping
       up UDP 10.0.0.3:6000 > ${NAT}:$a         => down UDP ${NAT}:$b > 10.0.0.2:5000
       up UDP 10.0.0.2:5000 > ${NAT}:$b         => down UDP ${NAT}:$a > 10.0.0.3:6000`,
    ],
    [
      'open to everybody, one is enough',
      { filtering: { udp: 'endpoint-independent' } },
      `up UDP 10.0.0.3:6000 > 198.51.100.7:3478 => up UDP ${NAT}:$b > 198.51.100.7:3478
       up UDP 10.0.0.2:5000 > ${NAT}:$b         => down UDP ${NAT}:$a > 10.0.0.3:6000
       up UDP 10.0.0.3:6000 > ${NAT}:$a         => down UDP ${NAT}:$b > 10.0.0.2:5000`,
    ],
    [
      'to oneself: once around, no loop',
      {},
      `up UDP 10.0.0.2:5000 > 198.51.100.7:3478 => up UDP ${NAT}:$a > 198.51.100.7:3478
       up UDP 10.0.0.2:5000 > ${NAT}:$a         => down UDP ${NAT}:$a > 10.0.0.2:5000`,
    ],
    [
      'an error about such a packet finds back, and shows outside addresses only',
      {},
      `up UDP 10.0.0.2:5000 > 198.51.100.7:3478 => up UDP ${NAT}:$a > 198.51.100.7:3478
       up UDP 10.0.0.3:6000 > 198.51.100.7:3478 => up UDP ${NAT}:$b > 198.51.100.7:3478
       up UDP 10.0.0.3:6000 > ${NAT}:$a         => drop no-mapping
       up UDP 10.0.0.2:5000 > ${NAT}:$b         => down UDP ${NAT}:$a > 10.0.0.3:6000
       up ICMP 10.0.0.3 > ${NAT} 3/3 about UDP ${NAT}:$a > 10.0.0.3:6000 => down ICMP ${NAT} > 10.0.0.2 3/3 about UDP 10.0.0.2:5000 > ${NAT}:$b`,
    ],
    [
      'a port forward, TCP',
      { forwards: [{ protocol: 'tcp', port: 80, to: '10.0.0.3', toPort: 8080 }] },
      `up TCP 10.0.0.2:5000 > ${NAT}:80 SYN      => down TCP ${NAT}:$a > 10.0.0.3:8080 SYN
       up TCP 10.0.0.3:8080 > ${NAT}:$a SYN ACK  => down TCP ${NAT}:80 > 10.0.0.2:5000 SYN ACK
       up TCP 10.0.0.2:5000 > ${NAT}:80 ACK      => down TCP ${NAT}:$a > 10.0.0.3:8080 ACK
       up TCP 10.0.0.3:8080 > ${NAT}:80 SYN      => down TCP ${NAT}:80 > 10.0.0.3:8080 SYN`,
    ],
    [
      'not where it is not wanted',
      { hairpin: false, forwards: [{ protocol: 'udp', port: 53, to: '10.0.0.3' }] },
      `up UDP 10.0.0.2:5000 > ${NAT}:53 => drop hairpin-refused + down ICMP ${NAT} > 10.0.0.2 3/13 about UDP 10.0.0.2:5000 > ${NAT}:53`,
    ],
    [
      'the address itself answers no ping',
      {},
      `up ICMP 10.0.0.2 > ${NAT} echo request 7  => drop no-mapping
       down ICMP 198.51.100.7 > ${NAT} echo request 7 => drop no-mapping`,
    ],
  ])('%s', async (_name, options, script) => {
    const rig = await start(options)
    runScript(rig, script)
    expect(rig.pool.inUse).toBe(0)
  })

  test('reass_hairpinning: fragments take one hop, not two, and are no drop', async () => {
    const rig = await start({ forwards: [{ protocol: 'udp', port: 53, to: '10.0.0.3' }] })
    const data = new Uint8Array(2500).fill(7)
    const packet = ipv4(
      { source: '10.0.0.2', destination: NAT },
      udpSegment({ sourcePort: 5, destinationPort: 53 }, data),
    )
    // In pieces, the first one last: what was held follows it around the corner.
    rig.up(...cut(packet, 1000).reverse())
    const output = rig.take()
    expect(output.map(({ direction }) => direction)).toEqual(['down', 'down', 'down'])
    const arrived = join(output.map(({ bytes }) => bytes))
    expect(arrived).toMatchObject({ source: NAT, destination: '10.0.0.3', ttl: 63, payload: data })
    expect(rig.drops.size).toBe(0)
    expect(rig.pool.inUse).toBe(0)
  })
})
