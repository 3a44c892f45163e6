import { decodePacket, decodeQuoted, icmpError, payload, SeededRandom, udpSegment } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinSlowly } from '../test-support/fragments.ts'
import { CLIENT, data, OUTSIDE, up } from '../test-support/packets.ts'
import { UdpDesk } from '../test-support/udp-desk.ts'
import { Udp } from './udp.ts'

const REMOTE = { 4: '198.51.100.7', 6: '20010db8000000000000000000000007' } as const
const OTHER = { 4: '198.51.100.8', 6: '2001:db8::8' } as const

describe.each([4, 6] as const)('UDP over IPv%i', (family) => {
  test('a datagram opens a flow, and its answer goes back with right checksums', () => {
    const desk = new UdpDesk()
    const peer = { name: 'laptop' }
    expect(desk.say(family, 'hello', 5000, 443, OUTSIDE[family], peer)).toBe(undefined)
    expect(desk.takeEvents()).toEqual(['opened', `datagram to ${REMOTE[family]} 443: 5`])
    expect(new TextDecoder().decode(desk.payloads[0])).toBe('hello')
    expect(desk.udp.client(desk.flow)).toMatchObject({ version: family, port: 5000, peer })
    expect(desk.answer(family, 'world')).toBe(undefined)
    expect(desk.sent[0]).toMatchObject({ direction: 'down', kind: 'ip', peer })
    const [bytes] = desk.take()
    expect(decodePacket(bytes!)).toMatchObject({
      source: OUTSIDE[family],
      destination: CLIENT[family],
      sourcePort: 443,
      destinationPort: 5000,
      payload: new TextEncoder().encode('world'),
    })
  })

  test('a port has one flow, wherever it sends to (RFC 4787 REQ-1), and each peer has its own', () => {
    const desk = new UdpDesk()
    const [one, other] = [{ name: 'one' }, { name: 'other' }]
    desk.say(family, 'a', 5000, 443, OUTSIDE[family], one)
    const first = desk.flow
    desk.say(family, 'b', 5000, 53, OTHER[family], one)
    expect([desk.udp.flows, desk.flow]).toEqual([1, first])
    desk.say(family, 'c', 5001, 443, OUTSIDE[family], one)
    desk.say(family, 'd', 5000, 443, OUTSIDE[family], other)
    expect(desk.udp.flows).toBe(3)
    expect(desk.udp.client(desk.flow)?.peer).toBe(other)
  })

  test('a wrong client is never answered: a handle that is over finds nothing, even if its place has been taken', () => {
    const desk = new UdpDesk({ flows: 1 })
    desk.say(family, 'a', 5000)
    const old = desk.flow
    desk.udp.close(old)
    desk.say(family, 'b', 6000)
    expect(desk.flow).not.toBe(old)
    const current = desk.flow
    desk.flow = old
    expect([desk.answer(family, 'x'), desk.report(family, 'port-unreachable')]).toEqual(['udp-no-flow', false])
    expect(desk.udp.client(old)).toBe(undefined)
    desk.udp.close(old)
    expect(desk.udp.client(current)?.port).toBe(6000)
    expect(desk.sent).toEqual([])
  })

  test.each([
    ['endpoint-independent', [undefined, undefined, undefined]],
    ['address-dependent', [undefined, undefined, 'udp-filtered']],
    ['address-and-port-dependent', [undefined, 'udp-filtered', 'udp-filtered']],
  ] as const)('filtering is %s', (filtering, results) => {
    const desk = new UdpDesk({ filtering })
    desk.say(family, 'a')
    const answers = [
      desk.answer(family, 'x'),
      desk.answer(family, 'x', 444),
      desk.answer(family, 'x', 443, OTHER[family]),
    ]
    expect(answers).toEqual(results)
    expect(desk.take().length).toBe(results.filter((result) => result === undefined).length)
  })

  test('what the owner refuses opens no way back, and whom it does not want has no flow', () => {
    const desk = new UdpDesk()
    desk.say(family, 'a')
    desk.owner.datagram = () => 'destination-denied'
    expect(desk.say(family, 'b', 5000, 443, OTHER[family])).toBe('destination-denied')
    expect(desk.say(family, 'b')).toBe('destination-denied')
    expect(desk.answer(family, 'x', 443, OTHER[family])).toBe('udp-filtered')
    expect(desk.answer(family, 'x')).toBe(undefined)
    desk.owner.opened = (flow) => desk.udp.close(flow)
    desk.takeEvents()
    expect(desk.say(family, 'c', 5001)).toBe('udp-flow-refused')
    expect([desk.takeEvents(), desk.udp.flows]).toEqual([['opened'], 1])
  })

  test('only what the client sends keeps a flow alive (RFC 4787 REQ-6)', () => {
    const desk = new UdpDesk()
    desk.say(family, 'a')
    desk.advance(299_000)
    desk.say(family, 'a')
    desk.advance(299_000)
    desk.answer(family, 'x')
    expect(desk.udp.flows).toBe(1)
    desk.takeEvents()
    desk.advance(1001)
    expect([desk.takeEvents(), desk.udp.flows]).toEqual([['closed idle'], 0])
    expect(desk.udp.deadline).toBe(Number.POSITIVE_INFINITY)
  })

  test('a flow that has only asked for names lasts 30 seconds', () => {
    const desk = new UdpDesk()
    desk.say(family, 'a', 5000, 53)
    desk.say(family, 'b', 5001, 53)
    desk.say(family, 'c', 5001, 443)
    desk.advance(29_000)
    desk.say(family, 'a', 5000, 53)
    desk.advance(29_999)
    expect(desk.udp.flows).toBe(2)
    desk.advance(2)
    expect(desk.udp.flows).toBe(1)
    desk.advance(240_000)
    expect(desk.udp.flows).toBe(1)
  })

  test('is bounded, and an old flow does not give way', () => {
    const desk = new UdpDesk({ flows: 3 })
    const reasons = Array.from({ length: 5 }, (_, i) => desk.say(family, 'a', 5000 + i))
    expect(reasons).toEqual([undefined, undefined, undefined, 'udp-flows-full', 'udp-flows-full'])
    expect(desk.say(family, 'a', 5000)).toBe(undefined)
  })

  test('what is larger than the MTU goes in fragments, up to the largest there is', () => {
    const desk = new UdpDesk()
    desk.say(family, 'a')
    const most = family === 4 ? 65_507 : 65_487
    for (const length of [0, 1, 1372, 1393, 4000, most]) {
      const bytes = data(length)
      expect(desk.answer(family, bytes)).toBe(undefined)
      const out = desk.take()
      expect(Math.max(...out.map((fragment) => fragment.length))).toBeLessThanOrEqual(1420)
      const whole = out.length === 1 ? out[0]! : joinSlowly(out)
      expect(Buffer.compare(decodePacket(whole).payload, bytes)).toBe(0)
    }
    expect(desk.answer(family, data(most + 1))).toBe('udp-too-long')
    expect(desk.pool.inUse).toBe(0)
  })

  test('a checksum of 0 is written as 0xffff: 0 would mean that there is none (RFC 768)', () => {
    const desk = new UdpDesk()
    desk.say(family, 'a')
    const at = family === 4 ? 26 : 46
    desk.answer(family, Uint8Array.of(0, 0))
    const sum = desk.take()[0]!.subarray(at, at + 2)
    // With its own checksum as data, all words together are 0xffff.
    desk.answer(family, sum)
    const [bytes] = desk.take()
    expect([...bytes!.subarray(at, at + 2)]).toEqual([0xff, 0xff])
    decodePacket(bytes!)
  })

  test('several datagrams come as one packet, and go as one', () => {
    const desk = new UdpDesk()
    const headers = family === 4 ? 28 : 48
    const bytes = up(family, udpSegment({ sourcePort: 5000, destinationPort: 443 }, data(2500)))
    bytes[headers - 1]! ^= 0xff // Its checksum stands for nothing.
    expect(desk.give(bytes, { segmentSize: 1200, segmentHeader: headers })).toBe(undefined)
    expect(desk.payloads.map(({ length }) => length)).toEqual([1200, 1200, 100])
    expect(Buffer.compare(Buffer.concat(desk.payloads), data(2500))).toBe(0)
    expect(desk.answer(family, data(2500), 443, OUTSIDE[family], 1200)).toBe(undefined)
    const [sent, ...rest] = desk.sent
    expect(rest).toEqual([])
    expect(sent).toMatchObject({ segmentSize: 1200, segmentHeader: headers, segments: 3, length: headers + 2500 })
    expect(Buffer.compare(desk.take()[0]!.subarray(headers), data(2500))).toBe(0)
    // 64 at most to a packet, and the last of all is no super-packet.
    expect(desk.answer(family, data(100 * 129), 443, OUTSIDE[family], 100)).toBe(undefined)
    expect(desk.sent.map(({ segments, segmentSize }) => [segments, segmentSize])).toEqual([
      [64, 100],
      [64, 100],
      [1, 0],
    ])
    desk.take()
    // What does not fit goes datagram by datagram, in fragments.
    expect(desk.answer(family, data(4000), 443, OUTSIDE[family], 2000)).toBe(undefined)
    const out = desk.take()
    expect(out.length).toBe(4)
    expect(decodePacket(joinSlowly(out.slice(0, 2))).payload.length).toBe(2000)
  })

  test('an owner that closes the flow is told no more of the same packet', () => {
    const desk = new UdpDesk()
    desk.owner.datagram = (flow) => {
      desk.udp.close(flow)
      return undefined
    }
    const bytes = up(family, udpSegment({ sourcePort: 5000, destinationPort: 443 }, data(300)))
    desk.give(bytes, { segmentSize: 100, segmentHeader: family === 4 ? 28 : 48 })
    expect([desk.payloads.length, desk.udp.flows]).toEqual([1, 0])
  })

  test('udp_icmp_error_propagation: the client is told of what did not arrive, and of nothing else', () => {
    const desk = new UdpDesk()
    const peer = { name: 'laptop' }
    desk.say(family, 'a', 5000, 443, OUTSIDE[family], peer)
    const codes =
      family === 4 ? { port: [3, 3], host: [3, 1], admin: [3, 13] } : { port: [1, 4], host: [1, 3], admin: [1, 1] }
    for (const [kind, code] of [
      ['port-unreachable', codes.port],
      ['host-unreachable', codes.host],
      ['admin-prohibited', codes.admin],
    ] as const) {
      expect(desk.report(family, kind)).toBe(true)
      expect(desk.sent[0]?.peer).toBe(peer)
      const error = decodePacket(desk.take()[0]!)
      expect(error).toMatchObject({
        source: OUTSIDE[family],
        destination: CLIENT[family],
        type: code[0],
        code: code[1],
      })
      expect(decodeQuoted(error.quoted!)).toMatchObject({
        source: CLIENT[family],
        destination: OUTSIDE[family],
        sourcePort: 5000,
        destinationPort: 443,
      })
    }
    expect(desk.report(family, 'port-unreachable', 444)).toBe(false)
    expect([desk.sent, desk.pool.inUse]).toEqual([[], 0])
  })

  test('udp_icmp_error_propagation: an error about what was sent to the client is its owner’s to know', () => {
    const desk = new UdpDesk()
    desk.say(family, 'a')
    desk.answer(family, data(1000))
    const [about] = desk.take()
    const [tooBig, refused] =
      family === 4
        ? [
            { type: 3, code: 4 },
            { type: 3, code: 3 },
          ]
        : [
            { type: 2, code: 0 },
            { type: 1, code: 4 },
          ]
    desk.takeEvents()
    const tell = (error: { type: number; code: number }, quoted: Uint8Array, rest = 0): string | undefined =>
      desk.give(up(family, icmpError({ ...error, rest }, quoted.subarray(0, 200))))
    expect(tell(refused, about!)).toBe(undefined)
    expect(tell(tooBig, about!, 1300)).toBe(undefined)
    expect(desk.takeEvents()).toEqual([
      `error port-unreachable ${REMOTE[family]} 443 0`,
      `error packet-too-big ${REMOTE[family]} 443 1300`,
    ])
    // The path of this flow is narrower now, and not as narrow as anybody says.
    desk.answer(family, data(1300))
    expect(Math.max(...desk.take().map(({ length }) => length))).toBeLessThanOrEqual(1300)
    tell(tooBig, about!, 1)
    desk.answer(family, data(1300))
    expect(Math.max(...desk.take().map(({ length }) => length))).toBeGreaterThan(family === 4 ? 560 : 1270)
    // Of another peer, of a port that was never spoken to, cut short, or damaged: nothing of ours.
    const bytes = up(family, icmpError(refused, about!))
    expect(desk.give(bytes, { peer: { name: 'other' } })).toBe('icmp-no-flow')
    const stranger = about!.slice()
    stranger[family === 4 ? 21 : 41]! ^= 1
    expect(tell(refused, stranger)).toBe('icmp-no-flow')
    expect(tell(refused, about!.subarray(0, family === 4 ? 27 : 47))).toBe('icmp-not-about-udp')
    bytes[bytes.length - 1]! ^= 1
    expect(desk.give(bytes)).toBe('icmp-checksum')
    expect(tell({ type: family === 4 ? 5 : 137, code: 0 }, about!)).toBe('icmp-type-not-used')
  })

  test('what is not whole is dropped by name', () => {
    const desk = new UdpDesk()
    const at = family === 4 ? 20 : 40
    const whole = up(family, udpSegment({ sourcePort: 5000, destinationPort: 443 }, data(100)))
    const changed = (offset: number, value: number): Uint8Array => {
      const bytes = whole.slice()
      new DataView(bytes.buffer).setUint16(at + offset, value)
      return bytes
    }
    const unchecked = up(family, udpSegment({ sourcePort: 5000, destinationPort: 443, checksum: false }, 'x'))
    expect(desk.give(changed(4, 7))).toBe('udp-length-invalid')
    expect(desk.give(changed(4, 109))).toBe('udp-length-invalid')
    expect(desk.give(changed(4, 0))).toBe('udp-length-invalid')
    expect(desk.give(changed(10, 99))).toBe('udp-checksum')
    expect(desk.give(unchecked)).toBe(family === 4 ? undefined : 'udp-checksum-missing')
    const portless = (sourcePort: number, destinationPort: number): Uint8Array =>
      up(family, udpSegment({ sourcePort, destinationPort }))
    expect(desk.give(portless(0, 5))).toBe('udp-not-between-hosts')
    expect(desk.give(portless(5, 0))).toBe('udp-not-between-hosts')
    const group = family === 4 ? '224.0.0.251' : 'ff02::fb'
    expect(desk.say(family, 'mdns', 5353, 5353, group)).toBe('udp-not-between-hosts')
    expect(desk.deliver(up(family, payload(99, data(9))), (packet) => desk.udp.receive(packet, 0))).toBe('not-udp')
  })

  test('bytes behind the length that UDP states are not its own', () => {
    const desk = new UdpDesk()
    const segment = udpSegment({ sourcePort: 5000, destinationPort: 443 }, 'hello')
    const longer = {
      protocol: segment.protocol,
      bytes: (version: 4 | 6, pseudo: (length: number) => Uint8Array) =>
        Uint8Array.from([...segment.bytes(version, pseudo), 1, 2, 3]),
    }
    expect(desk.give(up(family, longer))).toBe(undefined)
    expect(desk.payloads.map(({ length }) => length)).toEqual([5])
  })
})

test('an IPv4-mapped client over IPv6 is not the one over IPv4', () => {
  const desk = new UdpDesk()
  desk.say(4, 'a')
  const segment = udpSegment({ sourcePort: 5000, destinationPort: 443 }, 'b')
  expect(desk.give(up(6, segment, { source: '::ffff:10.0.0.2' }))).toBe(undefined)
  expect(desk.udp.flows).toBe(2)
  expect(desk.answer(4, 'x')).toBe('udp-address-family')
})

test('hostile bytes never throw, and everything stays within bounds', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const desk = new UdpDesk({ flows: 8, contacts: 4 })
      const random = new SeededRandom(seed)
      const below = (limit: number): number => random.uint32() % limit
      for (let i = 0; i < 200; i++) {
        const family = random.chance(0.5) ? 4 : 6
        const segment = udpSegment({ sourcePort: 5000 + below(12), destinationPort: below(4) }, data(below(60)))
        let bytes = up(
          family,
          random.chance(0.7) ? segment : icmpError({ type: below(5), code: below(6) }, up(family, segment)),
        )
        if (random.chance(0.4)) bytes[below(bytes.length)] = below(256)
        if (random.chance(0.1)) bytes = bytes.subarray(0, below(bytes.length))
        desk.give(bytes, random.chance(0.1) ? { segmentSize: below(40), segmentHeader: below(60) } : {})
        if (random.chance(0.3)) desk.answer(family, data(below(3000)), below(4), OUTSIDE[family], below(50))
        if (random.chance(0.2)) desk.report(family, 'port-unreachable', below(4))
        if (random.chance(0.1)) desk.advance(below(60_000))
        desk.take()
        expect(desk.udp.flows).toBeLessThanOrEqual(8)
        expect(desk.pool.inUse).toBe(0)
      }
    }),
    { numRuns: 20 },
  )
})

test('options that cannot be are named', () => {
  const { surroundings } = new UdpDesk()
  const listener = { opened() {}, datagram: () => undefined, error() {}, closed() {} }
  expect(() => new Udp({ flows: 0 }, surroundings, listener)).toThrow('udp flows: expected a whole number')
  const filtering = 'open' as 'endpoint-independent'
  expect(() => new Udp({ filtering }, surroundings, listener)).toThrow('udp filtering: expected one of')
})
