import type { IpPacket, Peer } from '@millrace/core'
import { decodePacket, icmpEcho, icmpError, type Transport, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { fragmentOf } from '../test-support/fragments.ts'
import { type DeskOptions, PacketDesk } from '../test-support/packet-desk.ts'
import { CLIENT, data, OUTSIDE, up } from '../test-support/packets.ts'
import { readErrorKind } from './error-kind.ts'
import type { StackErrorKind } from './push-icmp-error.ts'

class ErrorDesk extends PacketDesk {
  constructor(options: DeskOptions = {}) {
    super({ slots: 2000, ...options })
  }

  report(about: Uint8Array, kind: StackErrorKind = 'port-unreachable', now = 0, peer?: Peer, mtu = 0): boolean {
    const { errors } = this.surroundings
    return this.deliver(about, (packet: IpPacket) => errors.report(packet, kind, now, { mtu }), { peer }) === true
  }
}

const segment = udpSegment({ sourcePort: 5000, destinationPort: 53 }, data(2000))

describe.each([4, 6] as const)('an ICMP error over IPv%i', (family) => {
  // RFC 792, RFC 1812 §5.2.7.1; RFC 4443 §3.
  const CODES: readonly (readonly [StackErrorKind, number, number])[] =
    family === 4
      ? [
          ['network-unreachable', 3, 0],
          ['host-unreachable', 3, 1],
          ['port-unreachable', 3, 3],
          ['packet-too-big', 3, 4],
          ['admin-prohibited', 3, 13],
          ['time-exceeded', 11, 0],
          ['reassembly-time-exceeded', 11, 1],
        ]
      : [
          ['network-unreachable', 1, 0],
          ['admin-prohibited', 1, 1],
          ['host-unreachable', 1, 3],
          ['port-unreachable', 1, 4],
          ['packet-too-big', 2, 0],
          ['time-exceeded', 3, 0],
          ['reassembly-time-exceeded', 3, 1],
        ]

  test.each(CODES)('%s is %i/%i, goes back to its sender, quotes it and has a right checksum', (kind, type, code) => {
    const desk = new ErrorDesk()
    const peer = { name: 'laptop' }
    const about = up(family, segment)
    expect(desk.report(about, kind, 5, peer, 1400)).toBe(true)
    expect(desk.sent[0]).toMatchObject({ direction: 'down', peer, arrival: 5, kind: 'ip' })
    const [bytes] = desk.take()
    const error = decodePacket(bytes!)
    expect(error).toMatchObject({ type, code, source: OUTSIDE[family], destination: CLIENT[family] })
    expect(bytes!.length).toBeLessThanOrEqual(family === 4 ? 576 : 1280)
    expect(Buffer.compare(error.quoted!, about.subarray(0, error.quoted!.length))).toBe(0)
    if (kind === 'packet-too-big') expect(error.rest).toBe(1400)
    if (kind !== 'reassembly-time-exceeded') expect(readErrorKind(family, type, code)).toBe(kind)
  })

  test.each<[string, Uint8Array]>([
    ['an ICMP error', up(family, icmpError({ type: family === 4 ? 3 : 1, code: 0 }, data(40)))],
    ['a redirect', up(family, icmpError({ type: family === 4 ? 5 : 137, code: 0 }, data(40)))],
    ['what went to many', up(family, segment, { destination: family === 4 ? '224.0.0.1' : 'ff02::1' })],
    ['what comes from nowhere', up(family, segment, { source: family === 4 ? '0.0.0.0' : '::' })],
    ['a fragment that is not the first', fragmentOf(up(family, segment), { from: 8, to: 16 })],
  ])('is never sent about %s (RFC 1122 §3.2.2, RFC 4443 §2.4)', (_what, about) => {
    const desk = new ErrorDesk()
    expect(desk.report(about)).toBe(false)
    expect([desk.sent, desk.surroundings.errors.statistics]).toEqual([[], { sent: 0, limited: 0, unsent: 0 }])
  })

  test('ipv4_fragment_icmp_error: it may be about a first fragment, or an echo request', () => {
    const desk = new ErrorDesk()
    expect(desk.report(fragmentOf(up(family, segment), { from: 0, to: 16 }), 'reassembly-time-exceeded')).toBe(true)
    const echo: Transport = icmpEcho({ type: 'request', identifier: 1 })
    expect(desk.report(up(family, echo))).toBe(true)
  })
})

test('errors keep within a rate, in all and to each peer', () => {
  const desk = new ErrorDesk({ errors: { perSecond: 400, perSecondPerPeer: 100 } })
  const peers = Array.from({ length: 8 }, (_, i) => ({ name: `${i}` }))
  const about = up(4, udpSegment({ sourcePort: 1, destinationPort: 2 }))
  const count = (peer: Peer | undefined, now: number): number => {
    let sent = 0
    for (let i = 0; i < 200; i++) if (desk.report(about, 'port-unreachable', now, peer)) sent++
    desk.take()
    return sent
  }
  expect([count(peers[0], 0), count(peers[1], 0)]).toEqual([25, 25])
  expect(peers.slice(2).reduce((sum, peer) => sum + count(peer, 0), 0)).toBe(50)
  expect(desk.surroundings.errors.statistics).toEqual({ sent: 100, limited: 1500, unsent: 0 })
  expect(count(peers[0], 1000)).toBe(25)
  expect(count(undefined, 1000)).toBe(25)
})

test('without a packet to be had it is counted as unsent', () => {
  const desk = new ErrorDesk({ slots: 1, jumboSlots: 0 })
  expect(desk.report(up(4, udpSegment({ sourcePort: 1, destinationPort: 2 })))).toBe(false)
  expect(desk.surroundings.errors.statistics).toEqual({ sent: 0, limited: 0, unsent: 1 })
  expect(desk.pool.inUse).toBe(0)
})

test('every type and code means something or nothing', () => {
  for (const version of [4, 6] as const) {
    const errors = version === 4 ? [3, 11] : [1, 2, 3]
    for (let type = 0; type < 256; type++) {
      for (let code = 0; code < 256; code++) {
        if (readErrorKind(version, type, code) !== undefined) expect(errors).toContain(type)
      }
    }
  }
  expect(readErrorKind(4, 3, 2)).toBe('port-unreachable')
  expect(readErrorKind(6, 1, 5)).toBe('admin-prohibited')
})
