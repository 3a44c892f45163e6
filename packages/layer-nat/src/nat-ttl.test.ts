import { decodePacket, describeBytes, ipv4, LayerRig, runScript, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'

const inside = { source: '10.0.0.2', destination: '198.51.100.7' }
const outside = { source: '198.51.100.7', destination: '203.0.113.7' }
const start = (): Promise<LayerRig> => LayerRig.start(nat({ address: '203.0.113.7', gatewayAddress: '10.0.0.1' }))

describe('nat as a hop', () => {
  test('takes one hop off the TTL, both ways', async () => {
    const rig = await start()
    rig.up(ipv4({ ...inside, ttl: 2 }, udpSegment({ sourcePort: 5000, destinationPort: 53 })))
    const [sent] = rig.take().map(({ bytes }) => decodePacket(bytes))
    expect(sent?.ttl).toBe(1)
    rig.down(ipv4({ ...outside, ttl: 200 }, udpSegment({ sourcePort: 53, destinationPort: sent!.sourcePort! })))
    expect(decodePacket(rig.take()[0]!.bytes).ttl).toBe(199)
  })

  test('what has no hop left is answered from the gateway, quotes what was sent, and makes no session', async () => {
    const layer = nat({ address: '203.0.113.7', gatewayAddress: '10.0.0.1' })
    const rig = await LayerRig.start(layer)
    const probe = ipv4({ ...inside, ttl: 1 }, udpSegment({ sourcePort: 5000, destinationPort: 33_434 }))
    rig.up(probe)
    const [answer] = rig.take()
    expect(answer?.direction).toBe('down')
    expect(describeBytes(answer!.bytes)).toBe(
      'ICMP 10.0.0.1 > 10.0.0.2 11/0 about UDP 10.0.0.2:5000 > 198.51.100.7:33434',
    )
    expect(decodePacket(answer!.bytes).quoted).toEqual(probe)
    expect(layer.statistics()?.sessions.opened).toBe(0)
    expect(rig.drops).toEqual(new Map([['ttl-exceeded', 1]]))
  })

  test('on the way down it is answered from the outside address, and only to whom a session is with', async () => {
    const rig = await start()
    const known = runScript(rig, 'up UDP 10.0.0.2:5000 > 198.51.100.7:53 => up UDP 203.0.113.7:$a > 198.51.100.7:53')
    const destinationPort = Number(known.get('$a'))
    rig.down(ipv4({ ...outside, ttl: 1 }, udpSegment({ sourcePort: 53, destinationPort })))
    expect(rig.take().map(({ direction, bytes }) => `${direction} ${describeBytes(bytes)}`)).toEqual([
      `up ICMP 203.0.113.7 > 198.51.100.7 11/0 about UDP 198.51.100.7:53 > 203.0.113.7:${destinationPort}`,
    ])
    rig.down(ipv4({ ...outside, ttl: 1 }, udpSegment({ sourcePort: 54, destinationPort })))
    expect(rig.take()).toEqual([])
  })

  test('leaves the TTL alone when told to', async () => {
    const rig = await LayerRig.start(nat({ address: '203.0.113.7', decrementTtl: false }))
    rig.up(ipv4({ ...inside, ttl: 1 }, udpSegment({ sourcePort: 5000, destinationPort: 53 })))
    expect(decodePacket(rig.take()[0]!.bytes).ttl).toBe(1)
  })
})
