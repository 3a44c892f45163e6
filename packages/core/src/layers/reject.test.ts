import { describe, expect, test } from 'vitest'
import { PacketPool } from '../packet/pool.ts'
import { decodePacket, summarize } from '../testing/decode-packet.ts'
import { LayerRig } from '../testing/layer-rig.ts'
import { icmpError, ipv4, ipv6, tcpSegment } from '../testing/packets.ts'
import { reject } from './reject.ts'

const smtp = tcpSegment({ sourcePort: 4000, destinationPort: 25, flags: 'SYN' })
const web = tcpSegment({ sourcePort: 4000, destinationPort: 443, flags: 'SYN' })
const there = { source: '10.0.0.2', destination: '198.51.100.7' }
const there6 = { source: 'fd00::2', destination: '2001:db8::7' }
const back = { source: '198.51.100.7', destination: '10.0.0.2' }

function outputs(rig: LayerRig): string[] {
  return rig.take().map(({ direction, bytes }) => `${direction} ${summarize(decodePacket(bytes))}`)
}

describe('reject', () => {
  test('drops what matches on the way up, answers it down, and lets the rest pass', async () => {
    const rig = await LayerRig.start(reject((packet) => packet.destinationPort === 25, { reason: 'smtp-rejected' }))
    rig.up(ipv4(there, web), ipv4(there, smtp), ipv6(there6, smtp))
    expect(outputs(rig)).toEqual([
      'up TCP 10.0.0.2:4000 > 198.51.100.7:443 SYN',
      'down ICMP 198.51.100.7 > 10.0.0.2 3/13',
      'down ICMPv6 2001:db8::7 > fd00::2 1/1',
    ])
    expect(rig.drops).toEqual(new Map([['smtp-rejected', 2]]))
    expect(rig.pool.inUse).toBe(0)
  })

  test('drops what matches on the way down, answers it up, and comes from the address of the gateway', async () => {
    const layer = reject((packet) => packet.destinationPort === 25, { address: '192.0.2.1', address6: '2001:db8::1' })
    const rig = await LayerRig.start(layer)
    rig.down(ipv4(back, smtp), ipv6({ source: '2001:db8::7', destination: 'fd00::2' }, smtp))
    expect(outputs(rig)).toEqual(['up ICMP 192.0.2.1 > 198.51.100.7 3/13', 'up ICMPv6 2001:db8::1 > 2001:db8::7 1/1'])
    expect(rig.drops).toEqual(new Map([['rejected', 2]]))
    expect(layer.statistics()).toMatchObject({ up: { sent: 2 }, down: { sent: 0 } })
  })

  test('the answer goes to the peer whose packet it was', async () => {
    const peer = { name: 'laptop' }
    const seen: unknown[] = []
    const layer = reject(() => true)
    const downTo = layer.down.layer({ serve: (batch) => void seen.push(batch.at(0).peer, batch.at(0).direction) })
    const rig = await LayerRig.start({ ...layer, down: { layer: () => downTo } })
    rig.up({ bytes: ipv4(there, smtp), peer })
    expect(seen).toEqual([peer, 'down'])
  })

  test('answers no error with an error, and drops it all the same', async () => {
    const rig = await LayerRig.start(reject(() => true))
    rig.up(ipv4(there, icmpError({ type: 3, code: 3 }, ipv4(back, web))))
    expect(outputs(rig)).toEqual([])
    expect(rig.drops).toEqual(new Map([['rejected', 1]]))
  })

  test('keeps to its rate, in all and to each sender, and counts what it did not answer', async () => {
    const layer = reject(() => true, { perSecond: 100, perSecondPerPeer: 40 })
    const rig = await LayerRig.start(layer)
    const flood = (...hosts: readonly number[]): number[] =>
      hosts.map((host) => {
        for (let i = 0; i < 100; i++) rig.up(ipv4({ ...there, source: `10.0.0.${host}` }, smtp))
        return outputs(rig).length
      })
    expect(flood(2, 3, 4)).toEqual([10, 10, 5])
    expect(layer.statistics().down).toEqual({ sent: 25, limited: 275, unsent: 0 })
    rig.clock.advance(100)
    expect(flood(2, 3, 4)).toEqual([4, 4, 2])
    expect(rig.drops).toEqual(new Map([['rejected', 600]]))
  })

  test('still drops when there is no memory for an answer', async () => {
    const layer = reject(() => true)
    const rig = await LayerRig.start(layer, { pool: new PacketPool({ slots: 2, jumboSlots: 0 }) })
    rig.up(ipv4(there, smtp), ipv4(there, smtp))
    expect(outputs(rig)).toEqual([])
    expect(layer.statistics().down.unsent).toBe(2)
    expect(rig.drops).toEqual(new Map([['rejected', 2]]))
  })

  test('bears a receiver that sends again at once', async () => {
    const layer = reject(() => true)
    let depth = 0
    const again = layer.up.layer({ serve() {} })
    const down = layer.down.layer({
      serve(batch) {
        // As a peer in memory may: what it got comes straight back as a new packet.
        if (depth++ < 3) rig.up(ipv4(there, smtp))
        expect(decodePacket(batch.at(0).bytes()).code).toBe(13)
      },
    })
    const rig = await LayerRig.start({ ...layer, up: { layer: () => again }, down: { layer: () => down } })
    rig.up(ipv4(there, smtp))
    expect(depth).toBe(1)
    expect(layer.statistics().down).toEqual({ sent: 1, limited: 0, unsent: 1 })
    expect(rig.pool.inUse).toBe(0)
  })

  test('says what is wrong with its options', () => {
    expect(() => reject(() => true, { address: '2001:db8::1' })).toThrow(
      'reject address: expected an IPv4 address, got "2001:db8::1"',
    )
    expect(() => reject(() => true, { address6: '192.0.2.1' })).toThrow('reject address6: expected an IPv6 address')
    expect(() => reject(() => true, { perSecond: 0 })).toThrow('reject perSecond: expected a number above 0, got 0')
  })
})
