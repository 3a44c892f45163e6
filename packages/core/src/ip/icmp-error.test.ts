import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PacketPool } from '../packet/pool.ts'
import { decodePacket, decodeQuoted, summarize } from '../testing/decode-packet.ts'
import { icmpEcho, icmpError, ipv4, ipv6, payload, pooledPacket, tcpSegment, udpSegment } from '../testing/packets.ts'
import { parseAddress } from './address.ts'
import { ICMP_ERROR_MAXIMUM, type IcmpErrorKind, writeIcmpError } from './icmp-error.ts'
import { parseIp } from './parse-ip.ts'

const pool = new PacketPool({ slots: 8, jumboSlots: 4 })
const from4 = { source: '10.0.0.2', destination: '198.51.100.7' }
const from6 = { source: 'fd00::2', destination: '2001:db8::7' }
const udp = udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'hello')

function answerTo(bytes: Uint8Array, kind: IcmpErrorKind, source?: string, mtu?: number): Uint8Array | undefined {
  const offending = pooledPacket(pool, bytes)
  const answer = pool.acquire(ICMP_ERROR_MAXIMUM)
  try {
    const error = writeIcmpError(
      answer!,
      offending,
      kind,
      source === undefined ? source : parseAddress(source).bytes,
      mtu,
    )
    expect(offending.bytes()).toEqual(bytes)
    return error?.bytes().slice()
  } finally {
    answer?.release()
    offending.release()
  }
}

describe('an ICMP error', () => {
  test.each<[IcmpErrorKind, string, string]>([
    ['time-exceeded', 'ICMP 192.0.2.1 > 10.0.0.2 11/0', 'ICMPv6 2001:db8::1 > fd00::2 3/0'],
    ['network-unreachable', 'ICMP 192.0.2.1 > 10.0.0.2 3/0', 'ICMPv6 2001:db8::1 > fd00::2 1/0'],
    ['host-unreachable', 'ICMP 192.0.2.1 > 10.0.0.2 3/1', 'ICMPv6 2001:db8::1 > fd00::2 1/3'],
    ['port-unreachable', 'ICMP 192.0.2.1 > 10.0.0.2 3/3', 'ICMPv6 2001:db8::1 > fd00::2 1/4'],
    ['packet-too-big', 'ICMP 192.0.2.1 > 10.0.0.2 3/4', 'ICMPv6 2001:db8::1 > fd00::2 2/0'],
    ['admin-prohibited', 'ICMP 192.0.2.1 > 10.0.0.2 3/13', 'ICMPv6 2001:db8::1 > fd00::2 1/1'],
  ])('%s has the right type, code, sender and receiver', (kind, expected4, expected6) => {
    expect(summarize(decodePacket(answerTo(ipv4(from4, udp), kind, '192.0.2.1')!))).toBe(expected4)
    expect(summarize(decodePacket(answerTo(ipv6(from6, udp), kind, '2001:db8::1')!))).toBe(expected6)
  })

  test('comes from the address that the packet was sent to, if no other is given', () => {
    expect(decodePacket(answerTo(ipv4(from4, udp), 'admin-prohibited')!).source).toBe('198.51.100.7')
    expect(decodePacket(answerTo(ipv6(from6, udp), 'admin-prohibited')!).source).toBe('2001:db8::7')
  })

  test('carries the MTU where it is about that, and nothing else in its place', () => {
    expect(decodePacket(answerTo(ipv4(from4, udp), 'packet-too-big', undefined, 1420)!).rest).toBe(1420)
    expect(decodePacket(answerTo(ipv6(from6, udp), 'packet-too-big', undefined, 1280)!).rest).toBe(1280)
    expect(decodePacket(answerTo(ipv4(from4, udp), 'time-exceeded', undefined, 1420)!).rest).toBe(0)
    expect(decodePacket(answerTo(ipv6(from6, udp), 'admin-prohibited', undefined, 1280)!).rest).toBe(0)
  })

  test.each([
    { size: 5, total4: 20 + 8 + 33, total6: 40 + 8 + 53 },
    { size: 520, total4: 576, total6: 40 + 8 + 568 },
    { size: 521, total4: 576, total6: 40 + 8 + 569 },
    { size: 1184, total4: 576, total6: 1280 },
    { size: 1400, total4: 576, total6: 1280 },
    { size: 30_000, total4: 576, total6: 1280 },
  ])('quotes a packet with $size bytes of payload as far as it may', ({ size, total4, total6 }) => {
    const segment = udpSegment({ sourcePort: 5000, destinationPort: 53 }, new Uint8Array(size).fill(7))
    for (const [bytes, total] of [
      [ipv4(from4, segment), total4],
      [ipv6(from6, segment), total6],
    ] as const) {
      const answer = answerTo(bytes, 'time-exceeded')!
      expect(answer.length).toBe(total)
      const { quoted } = decodePacket(answer)
      expect(quoted).toEqual(bytes.slice(0, quoted?.length))
    }
  })

  const echo = icmpEcho({ type: 'request', identifier: 7 })
  const about = ipv4(from4, udp)
  test.each<[string, Uint8Array]>([
    ['an ICMP error', ipv4(from4, icmpError({ type: 3, code: 1 }, about))],
    ['an ICMP redirect', ipv4(from4, icmpError({ type: 5, code: 1 }, about))],
    ['an ICMP message of unknown type', ipv4(from4, icmpError({ type: 77, code: 0 }, about))],
    ['an ICMP message cut short', ipv4(from4, payload(1, Uint8Array.of(8, 0, 0xf7)))],
    ['a fragment other than the first', ipv4({ ...from4, fragmentOffset: 8 }, udp)],
    ['what comes from a multicast address', ipv4({ ...from4, source: '224.0.0.1' }, udp)],
    ['what comes from the broadcast address', ipv4({ ...from4, source: '255.255.255.255' }, udp)],
    ['what comes from the unspecified address', ipv4({ ...from4, source: '0.0.0.0' }, udp)],
    ['what comes from loopback', ipv4({ ...from4, source: '127.0.0.1' }, udp)],
    ['what went to a multicast address', ipv4({ ...from4, destination: '239.1.2.3' }, udp)],
    ['what went to the broadcast address', ipv4({ ...from4, destination: '255.255.255.255' }, udp)],
    ['an ICMPv6 error', ipv6(from6, icmpError({ type: 1, code: 4 }, ipv6(from6, udp)))],
    ['an ICMPv6 redirect', ipv6(from6, icmpError({ type: 137, code: 0 }, new Uint8Array(32)))],
    ['an ICMPv6 message cut short', ipv6(from6, payload(58, Uint8Array.of(128, 0, 0)))],
    ['what comes from a multicast IPv6 address', ipv6({ ...from6, source: 'ff02::1' }, udp)],
    ['what comes from the unspecified IPv6 address', ipv6({ ...from6, source: '::' }, udp)],
    ['what went to a multicast IPv6 address', ipv6({ ...from6, destination: 'ff02::fb' }, udp)],
  ])('is never sent about %s', (_what, bytes) => {
    expect(answerTo(bytes, 'admin-prohibited', bytes[0] === 0x60 ? '2001:db8::1' : '192.0.2.1')).toBeUndefined()
  })

  test('may be sent about an echo request, a first fragment, a TCP segment', () => {
    for (const bytes of [
      ipv4(from4, echo),
      ipv6(from6, echo),
      ipv4({ ...from4, moreFragments: true }, udp),
      ipv4(from4, tcpSegment({ sourcePort: 1, destinationPort: 2, flags: 'SYN' })),
    ]) {
      expect(answerTo(bytes, 'admin-prohibited')).toBeDefined()
    }
  })

  test('has right checksums and throws for no packet that parses', () => {
    let answered = 0
    const version = fc.constantFrom(0x45, 0x46, 0x60)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 120 }), version, fc.nat(255), (bytes, first, protocol) => {
        bytes[0] = first
        bytes.set([0, first === 0x60 ? bytes.length - 40 : bytes.length], first === 0x60 ? 4 : 2)
        bytes.set(first === 0x60 ? [protocol] : [0, 0, 64, protocol], 6)
        const packet = pool.acquire(bytes.length)!
        packet.memory.set(bytes, packet.offset)
        packet.length = bytes.length
        const parses = parseIp(packet) === undefined
        packet.release()
        if (!parses) return
        const answer = answerTo(bytes, 'time-exceeded', first === 0x60 ? '2001:db8::1' : '192.0.2.1')
        if (answer === undefined) return
        answered++
        expect(decodePacket(answer).quoted).toEqual(bytes)
      }),
      { numRuns: 500 },
    )
    expect(answered).toBeGreaterThan(100)
    expect(pool.inUse).toBe(0)
  })
})

test('a quoted packet that is cut short still decodes', () => {
  const long = ipv4(from4, tcpSegment({ sourcePort: 1234, destinationPort: 80 }, new Uint8Array(2000)))
  const { quoted } = decodePacket(answerTo(long, 'packet-too-big', undefined, 1420)!)
  expect(summarize(decodeQuoted(quoted!))).toBe('TCP 10.0.0.2:1234 > 198.51.100.7:80 ACK')
})
