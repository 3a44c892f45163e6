import {
  decodePacket,
  icmpError,
  ipv4,
  ipv6,
  LayerRig,
  packetFromText,
  payload,
  runScript,
  udpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat64 } from './nat64.ts'

const seven = '2001:db8:64::c633:6407'
const start = (): Promise<LayerRig> =>
  LayerRig.start(nat64({ address: '203.0.113.7', prefix: '2001:db8:64::/96', sessions: 1024 }))
const open = `
  up TCP [fd00::2]:1234 > [${seven}]:80 SYN    => up TCP 203.0.113.7:$t > 198.51.100.7:80 SYN
  up UDP [fd00::2]:5000 > [${seven}]:53        => up UDP 203.0.113.7:$u > 198.51.100.7:53
  up ICMPv6 fd00::2 > ${seven} echo request 7  => up ICMP 203.0.113.7 > 198.51.100.7 echo request $i`

describe('nat64 and ICMP errors', () => {
  // Every line also proves that the quoted packet has the checksums it was sent with.
  test.each([
    [
      'from outside they reach whom they are about, with what that one had sent',
      `down ICMP 192.0.2.9 > 203.0.113.7 11/0 about UDP 203.0.113.7:$u > 198.51.100.7:53 => down ICMPv6 2001:db8:64::c000:209 > fd00::2 3/0 about UDP [fd00::2]:5000 > [${seven}]:53
       down ICMP 198.51.100.7 > 203.0.113.7 3/3 about UDP 203.0.113.7:$u > 198.51.100.7:53 => down ICMPv6 ${seven} > fd00::2 1/4 about UDP [fd00::2]:5000 > [${seven}]:53
       down ICMP 192.0.2.9 > 203.0.113.7 3/1 about TCP 203.0.113.7:$t > 198.51.100.7:80 SYN => down ICMPv6 2001:db8:64::c000:209 > fd00::2 1/0 about TCP [fd00::2]:1234 > [${seven}]:80 SYN
       down ICMP 192.0.2.9 > 203.0.113.7 11/0 about ICMP 203.0.113.7 > 198.51.100.7 echo request $i => down ICMPv6 2001:db8:64::c000:209 > fd00::2 3/0 about ICMPv6 fd00::2 > ${seven} echo request 7`,
    ],
    [
      'from inside they come from the outside address',
      `up ICMPv6 fd00::2 > ${seven} 1/4 about UDP [${seven}]:53 > [fd00::2]:5000 => up ICMP 203.0.113.7 > 198.51.100.7 3/3 about UDP 198.51.100.7:53 > 203.0.113.7:$u
       up ICMPv6 fd00::2 > ${seven} 3/1 about ICMPv6 ${seven} > fd00::2 echo reply 7 => up ICMP 203.0.113.7 > 198.51.100.7 11/1 about ICMP 198.51.100.7 > 203.0.113.7 echo reply $i`,
    ],
    [
      'about nothing that lives they go no further',
      `down ICMP 192.0.2.9 > 203.0.113.7 3/1 about UDP 203.0.113.7:$u > 198.51.100.7:54 => drop icmp-error-no-session
       up ICMPv6 fd00::2 > ${seven} 1/4 about UDP [${seven}]:54 > [fd00::2]:5000 => drop icmp-error-no-session
       up ICMPv6 fd00::2 > ${seven} 1/4 about UDP [${seven}]:53 > [fd00::99]:5000 => drop icmp-error-no-session
       up ICMPv6 fd00::2 > ${seven} 1/4 about UDP [2001:db8::1]:53 > [fd00::2]:5000 => drop icmp-error-no-session
       up ICMPv6 fd00::2 > 2001:db8:64::909:909 1/4 about UDP [${seven}]:53 > [fd00::2]:5000 => drop icmp-error-misdirected
       down ICMP 192.0.2.9 > 203.0.113.7 5/1 about UDP 203.0.113.7:$u > 198.51.100.7:53 => drop icmp-type-not-translated`,
    ],
    [
      'they end no session, and keep none',
      `down ICMP 198.51.100.7 > 203.0.113.7 3/3 about UDP 203.0.113.7:$u > 198.51.100.7:53 => down ICMPv6 ${seven} > fd00::2 1/4 about UDP [fd00::2]:5000 > [${seven}]:53
       down UDP 198.51.100.7:53 > 203.0.113.7:$u => down UDP [${seven}]:53 > [fd00::2]:5000`,
    ],
  ])('%s', async (_name, script) => {
    runScript(await start(), `${open}\n${script}`)
  })

  test('path MTU discovery: what a router says about IPv4 is true of IPv6 (RFC 7915 §4.2)', async () => {
    const rig = await start()
    const packet = ipv6(
      { source: 'fd00::2', destination: seven },
      udpSegment({ sourcePort: 5000, destinationPort: 53 }, new Uint8Array(1352)),
    )
    rig.up(packet)
    const sent = rig.take()[0]!.bytes
    expect([sent.length, sent[6]! & 0x40]).toEqual([1380, 0x40])
    rig.down(
      ipv4(
        { source: '192.0.2.9', destination: '203.0.113.7' },
        icmpError({ type: 3, code: 4, rest: 1300 }, sent.subarray(0, 28)),
      ),
    )
    const { type, code, rest, quoted } = decodePacket(rig.take()[0]!.bytes)
    expect([type, code, rest]).toEqual([2, 0, 1320])
    // All but the hop that has been taken.
    expect(quoted).toEqual(packet.subarray(0, 48).with(7, 63))
  })

  test('an error is about a session of the peer that it is from', async () => {
    const rig = await start()
    const owner = { name: 'owner' }
    rig.up({ bytes: packetFromText(`UDP [fd00::2]:5000 > [${seven}]:53`), peer: owner })
    rig.take()
    const error = packetFromText(`ICMPv6 fd00::2 > ${seven} 1/4 about UDP [${seven}]:53 > [fd00::2]:5000`)
    rig.up({ bytes: error, peer: { name: 'mallory' } })
    expect([rig.take(), Object.fromEntries(rig.drops)]).toEqual([[], { 'icmp-error-of-other-peer': 1 }])
    rig.up({ bytes: error, peer: owner })
    expect(rig.take().length).toBe(1)
  })
})

describe('nat64 and fragments', () => {
  const data = Uint8Array.from({ length: 100 }, (_, i) => i)
  const udp6 = ipv6(
    { source: 'fd00::2', destination: seven },
    udpSegment({ sourcePort: 5000, destinationPort: 53 }, data),
  )

  function fragment6(from: number, to: number, id: number): Uint8Array {
    const last = to >= 108
    const header = [17, 0, from >> 8, (from & 0xf8) | (last ? 0 : 1), 0, 0, 0, id]
    const bytes = Uint8Array.from([...udp6.subarray(0, 40), ...header, ...udp6.subarray(40 + from, 40 + to)])
    bytes[6] = 44
    new DataView(bytes.buffer).setUint16(4, bytes.length - 40)
    return bytes
  }

  test.each([
    ['in order', [0, 1, 2]],
    ['the first one last', [2, 1, 0]],
    ['the last one first', [2, 0, 1]],
  ])('upwards, %s', async (_name, order) => {
    const rig = await start()
    const pieces = [fragment6(0, 40, 1), fragment6(40, 80, 1), fragment6(80, 108, 1)]
    for (const i of order) rig.up(pieces[i]!)
    const out = rig.take().map(({ bytes }) => bytes)
    const offset = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint16(6) & 0x1fff
    out.sort((a, b) => offset(a) - offset(b))
    expect(out.map(offset)).toEqual([0, 5, 10])
    expect(new Set(out.map((bytes) => new DataView(bytes.buffer).getUint16(4))).size).toBe(1)
    const whole = Uint8Array.from(out.flatMap((bytes) => Array.from(bytes.subarray(20))))
    const packet = decodePacket(ipv4({ source: '203.0.113.7', destination: '198.51.100.7' }, payload(17, whole)))
    expect([packet.destinationPort, packet.payload]).toEqual([53, data])
    expect([rig.drops.size, rig.pool.inUse]).toEqual([0, 0])
  })

  test('downwards, in any order, and fragments of echo not at all', async () => {
    const rig = await start()
    rig.up(udp6)
    const port = decodePacket(rig.take()[0]!.bytes).sourcePort!
    const whole = ipv4(
      { source: '198.51.100.7', destination: '203.0.113.7', id: 9 },
      udpSegment({ sourcePort: 53, destinationPort: port }, data),
    ).subarray(20)
    const ends = { source: '198.51.100.7', destination: '203.0.113.7', id: 9 }
    const first = ipv4({ ...ends, moreFragments: true }, payload(17, whole.subarray(0, 48)))
    const second = ipv4({ ...ends, fragmentOffset: 48 }, payload(17, whole.subarray(48)))
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      rig.down(...order)
      const out = rig.take().map(({ bytes }) => bytes)
      expect(out.map((bytes) => [bytes[6], bytes[40], bytes.length])).toHaveLength(2)
      out.sort((a, b) => new DataView(a.buffer).getUint16(42) - new DataView(b.buffer).getUint16(42))
      const joined = Uint8Array.from(out.flatMap((bytes) => Array.from(bytes.subarray(48))))
      const packet = decodePacket(ipv6({ source: seven, destination: 'fd00::2' }, payload(17, joined)))
      expect([packet.destinationPort, packet.payload]).toEqual([5000, data])
    }
    rig.down(ipv4({ ...ends, moreFragments: true }, payload(1, new Uint8Array(48))))
    expect(Object.fromEntries(rig.drops)).toEqual({ 'fragment-of-icmp': 1 })
    expect(rig.pool.inUse).toBe(0)
  })
})
