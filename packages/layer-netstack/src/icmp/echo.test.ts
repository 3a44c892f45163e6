import type { Peer } from '@millrace/core'
import { decodePacket, decodeQuoted, icmpEcho, icmpError, SeededRandom, udpSegment } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinSlowly } from '../test-support/fragments.ts'
import { type DeskOptions, PacketDesk } from '../test-support/packet-desk.ts'
import { CLIENT, data, OUTSIDE, up } from '../test-support/packets.ts'
import { Echo } from './echo.ts'
import type { EchoOptions } from './echo-listener.ts'
import { Icmp } from './icmp.ts'

class EchoDesk extends PacketDesk {
  readonly echo: Echo
  readonly icmp: Icmp
  readonly events: string[] = []
  flow = -1
  now = 0
  refuses = false

  constructor(options: EchoOptions = {}, desk: DeskOptions = {}) {
    super(desk)
    this.echo = new Echo(options, this.surroundings, {
      opened: (flow) => {
        this.flow = flow
        this.events.push('opened')
        if (this.refuses) this.echo.close(flow)
      },
      echo: (_flow, sequence, payload, hopLimit) => {
        this.events.push(`${sequence}: ${payload.length} bytes, hop limit ${hopLimit}`)
        return undefined
      },
      closed: (_flow, cause) => void this.events.push(`closed ${cause}`),
    })
    this.icmp = new Icmp({ echo: this.echo }, this.surroundings.sums)
  }

  give(bytes: Uint8Array, peer?: Peer): string | undefined {
    return this.deliver(bytes, (packet) => this.icmp.receive(packet, this.now), { peer })
  }

  ping(family: 4 | 6, sequence = 1, identifier = 7, payload: Uint8Array = data(56), peer?: Peer): string | undefined {
    return this.give(up(family, icmpEcho({ type: 'request', identifier, sequence }, payload)), peer)
  }
}

describe.each([4, 6] as const)('echo over IPv%i', (family) => {
  test('a request is told of and answered by its owner only', () => {
    const desk = new EchoDesk()
    const peer = { name: 'laptop' }
    expect(desk.ping(family, 3, 0xffff, data(56), peer)).toBe(undefined)
    expect(desk.events).toEqual(['opened', '3: 56 bytes, hop limit 64'])
    expect(desk.sent).toEqual([])
    expect(desk.echo.ends(desk.flow)).toMatchObject({ version: family, identifier: 0xffff, peer })
    expect(desk.echo.reply(desk.flow, 3, data(56), 0)).toBe(undefined)
    expect(desk.sent[0]).toMatchObject({ direction: 'down', peer })
    const reply = decodePacket(desk.take()[0]!)
    expect(reply).toMatchObject({
      source: OUTSIDE[family],
      destination: CLIENT[family],
      type: family === 4 ? 0 : 129,
      code: 0,
      identifier: 0xffff,
      payload: Uint8Array.from([0xff, 0xff, 0, 3, ...data(56)]).subarray(4),
    })
  })

  test('what is larger than the MTU goes in fragments', () => {
    const desk = new EchoDesk()
    desk.ping(family)
    expect(desk.echo.reply(desk.flow, 1, data(4000), 0)).toBe(undefined)
    const out = desk.take()
    expect(out.length).toBe(3)
    expect(Buffer.compare(decodePacket(joinSlowly(out)).payload, data(4000))).toBe(0)
    expect(desk.echo.reply(desk.flow, 1, data(65_530), 0)).toBe('echo-too-long')
    expect(desk.pool.inUse).toBe(0)
  })

  test('each peer, identifier and destination has a flow, for a minute', () => {
    const desk = new EchoDesk({ flows: 4 })
    const [one, other] = [{ name: 'one' }, { name: 'other' }]
    desk.ping(family, 1, 1, data(1), one)
    desk.ping(family, 2, 1, data(1), one)
    expect(desk.echo.flows).toBe(1)
    desk.ping(family, 1, 1, data(1), other)
    desk.ping(family, 1, 2, data(1), one)
    const elsewhere = icmpEcho({ type: 'request', identifier: 1 })
    desk.give(up(family, elsewhere, { destination: family === 4 ? '192.0.2.1' : '2001:db8::1' }), one)
    expect(desk.echo.flows).toBe(4)
    expect(desk.ping(family, 1, 9)).toBe('echo-flows-full')
    desk.now = 59_000
    desk.ping(family, 3, 1, data(1), one)
    desk.events.length = 0
    desk.now = 60_001
    desk.echo.advance(desk.now)
    expect(desk.events).toEqual(['closed idle', 'closed idle', 'closed idle'])
    desk.now = 119_001
    desk.echo.advance(desk.now)
    expect([desk.echo.flows, desk.echo.deadline]).toEqual([0, Number.POSITIVE_INFINITY])
    expect([desk.echo.reply(desk.flow, 1, data(1), desk.now), desk.echo.ends(desk.flow)]).toEqual([
      'echo-no-flow',
      undefined,
    ])
  })

  test('an owner that does not want the flow is told no more', () => {
    const desk = new EchoDesk()
    desk.refuses = true
    expect(desk.ping(family)).toBe('echo-flow-refused')
    expect([desk.events, desk.echo.flows]).toEqual([['opened'], 0])
  })

  test('a router on the way may say that the hop limit was too low, and whoever that no way leads there', () => {
    const desk = new EchoDesk()
    desk.ping(family, 5)
    const router = family === 4 ? '192.0.2.9' : '2001:db8::9'
    const source =
      family === 4 ? Uint8Array.of(192, 0, 2, 9) : Uint8Array.from([32, 1, 13, 184, ...new Array(11).fill(0), 9])
    expect(desk.echo.reportError(desk.flow, 5, 'time-exceeded', 0, { source })).toBe(true)
    expect(desk.echo.reportError(desk.flow, 5, 'host-unreachable', 0)).toBe(true)
    const [exceeded, unreachable] = desk.take().map(decodePacket)
    expect(exceeded).toMatchObject({
      source: router,
      destination: CLIENT[family],
      type: family === 4 ? 11 : 3,
      code: 0,
    })
    expect(unreachable).toMatchObject({
      source: OUTSIDE[family],
      type: family === 4 ? 3 : 1,
      code: family === 4 ? 1 : 3,
    })
    expect(decodeQuoted(exceeded!.quoted!)).toMatchObject({
      source: CLIENT[family],
      destination: OUTSIDE[family],
      type: family === 4 ? 8 : 128,
      identifier: 7,
    })
    expect(desk.pool.inUse).toBe(0)
  })

  test('what is no right echo request goes no further', () => {
    const desk = new EchoDesk()
    const request = up(family, icmpEcho({ type: 'request', identifier: 7 }, data(20)))
    const damaged = request.slice()
    damaged[damaged.length - 1]! ^= 1
    expect(desk.give(damaged)).toBe('icmp-checksum')
    expect(desk.give(up(family, icmpEcho({ type: 'reply', identifier: 7 })))).toBe('icmp-type-not-used')
    expect(desk.give(up(family, icmpError({ type: family === 4 ? 8 : 128, code: 1 }, data(8))))).toBe(
      'not-an-echo-request',
    )
    expect(desk.give(up(family, udpSegment({ sourcePort: 1, destinationPort: 2 })))).toBe('not-icmp')
    const group = { destination: family === 4 ? '224.0.0.1' : 'ff02::1' }
    expect(desk.give(up(family, icmpEcho({ type: 'request', identifier: 7 }), group))).toBe('echo-not-between-hosts')
    const about = up(family, udpSegment({ sourcePort: 1, destinationPort: 2 }, data(8)))
    const error = family === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 }
    expect(desk.give(up(family, icmpError(error, about)))).toBe('icmp-error-about-other')
    expect(desk.events).toEqual([])
  })
})

test('a known request and its reply: the checksum of RFC 1071', () => {
  const desk = new EchoDesk()
  desk.ping(4, 1, 1, new Uint8Array(0))
  desk.echo.reply(desk.flow, 1, new Uint8Array(0), 0)
  // Type 0, code 0; 0xffff - (1 + 1) = 0xfffd; identifier 1, sequence 1.
  expect([...desk.take()[0]!.subarray(20)]).toEqual([0, 0, 0xff, 0xfd, 0, 1, 0, 1])
})

test('a wrong IPv4 header checksum is noticed, as nothing else vouches for the addresses', () => {
  const bytes = up(4, icmpEcho({ type: 'request', identifier: 7 }))
  bytes[15] = 99
  expect(new EchoDesk().give(bytes)).toBe('ip-checksum')
})

test('hostile bytes never throw, and flows stay within their bound', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const desk = new EchoDesk({ flows: 4 })
      const random = new SeededRandom(seed)
      const below = (limit: number): number => random.uint32() % limit
      for (let i = 0; i < 200; i++) {
        const family = random.chance(0.5) ? 4 : 6
        const request = icmpEcho({ type: 'request', identifier: below(8) }, data(below(40)))
        const error = icmpError({ type: below(12), code: below(16) }, up(family, request).subarray(0, below(60)))
        const bytes = up(family, random.chance(0.5) ? request : error)
        if (random.chance(0.3)) bytes[below(bytes.length)] = below(256)
        desk.give(random.chance(0.2) ? bytes.subarray(0, below(bytes.length)) : bytes)
        desk.now += below(10_000)
        desk.echo.advance(desk.now)
        expect(desk.echo.flows).toBeLessThanOrEqual(4)
      }
      expect([desk.sent, desk.pool.inUse]).toEqual([[], 0])
    }),
    { numRuns: 20 },
  )
})
