import { type IpPacket, PacketPool, parsePrefix } from '@millrace/core'
import {
  decodePacket,
  decodeQuoted,
  describeBytes,
  icmpEcho,
  icmpError,
  ipv4,
  ipv6,
  packetFromText,
  payload,
  pooledPacket,
  slowChecksum,
  summarize,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Rfc7915 } from '../nat64/icmp.ts'
import { EmbeddedAddresses } from '../nat64/prefix.ts'
import { ToIpv4 } from './to-ipv4.ts'
import { ToIpv6 } from './to-ipv6.ts'

const prefix = new EmbeddedAddresses(parsePrefix('2001:db8::/96'))
const codecs = { source: prefix, destination: prefix, quotedSource: prefix, quotedDestination: prefix }
const icmp = new Rfc7915(1420)
const toIpv4 = (): ToIpv4 => new ToIpv4({ codecs, icmp })
const toIpv6 = new ToIpv6({ codecs, icmp, mtu: 1420 })
const pool = new PacketPool({ slots: 16 })

/** 192.0.2.1 and 198.51.100.7 behind the prefix. */
const [a6, b6] = ['2001:db8::c000:201', '2001:db8::c633:6407']
const [a4, b4] = ['192.0.2.1', '198.51.100.7']

function translate(bytes: Uint8Array, change: (packet: IpPacket) => void = () => {}): Uint8Array | string {
  const packet = pooledPacket(pool, bytes)
  change(packet)
  const reason = (packet.version === 6 ? toIpv4() : toIpv6).translate(packet)
  const out = packet.bytes().slice()
  packet.release()
  return reason ?? out
}

function ok(bytes: Uint8Array): Uint8Array {
  const out = translate(bytes)
  if (typeof out === 'string') throw new Error(out)
  return out
}

/** Puts extension headers, given as next header numbers and bytes, between the IPv6 header and what follows. */
function withExtensions(packet: Uint8Array, ...headers: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  const numbers = [...headers.map(([number]) => number), packet[6]!]
  const bytes = headers.flatMap(([, rest], i) => [numbers[i + 1]!, ...rest])
  const out = Uint8Array.from([...packet.subarray(0, 40), ...bytes, ...packet.subarray(40)])
  out[6] = numbers[0]!
  new DataView(out.buffer).setUint16(4, out.length - 40)
  return out
}

const fragment = (units: number, more: boolean, id: number): readonly [number, readonly number[]] => [
  44,
  [0, units >> 5, ((units << 3) & 255) | (more ? 1 : 0), id >>> 24, (id >> 16) & 255, (id >> 8) & 255, id & 255],
]
const options = [0, 1, 4, 0, 0, 0, 0]

describe('IPv6 to IPv4 (RFC 7915 §5)', () => {
  test.each([
    [`UDP [${a6}]:5000 > [${b6}]:53`, `UDP ${a4}:5000 > ${b4}:53`],
    [`TCP [${a6}]:5000 > [${b6}]:53 SYN ACK`, `TCP ${a4}:5000 > ${b4}:53 SYN ACK`],
    [`ICMPv6 ${a6} > ${b6} echo request 7`, `ICMP ${a4} > ${b4} echo request 7`],
    [`ICMPv6 ${a6} > ${b6} echo reply 7`, `ICMP ${a4} > ${b4} echo reply 7`],
  ])('%s is %s, and back', (six, four) => {
    expect(describeBytes(ok(packetFromText(six)))).toBe(four)
    expect(describeBytes(ok(packetFromText(four)))).toBe(six)
  })

  test('whatever the packet, its checksum is right in both families, and going back gives what was there', () => {
    const transport = fc.record({
      kind: fc.constantFrom('udp', 'tcp', 'echo'),
      port: fc.constantFrom(0, 1, 0xfffe, 0xffff),
      data: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(new Uint8Array(8).fill(255), new Uint8Array(8))),
    })
    const address = fc.integer({ min: 1, max: 0xffff_ffff }).map((number) => number.toString(16).padStart(8, '0'))
    const header = fc.record({ from: address, to: address, hopLimit: fc.nat(255), trafficClass: fc.nat(255) })
    fc.assert(
      fc.property(header, transport, ({ from, to, hopLimit, trafficClass }, { kind, port, data }) => {
        const embed = (digits: string): string => `2001:db8::${digits.slice(0, 4)}:${digits.slice(4)}`
        const ports = { sourcePort: port, destinationPort: 53 }
        const sent = ipv6(
          { source: embed(from), destination: embed(to), hopLimit },
          kind === 'udp'
            ? udpSegment(ports, data)
            : kind === 'tcp'
              ? tcpSegment(ports, data)
              : icmpEcho({ type: 'request', identifier: port }, data),
        )
        sent.set([0x60 | (trafficClass >> 4), (trafficClass & 15) << 4])
        const four = ok(sent)
        expect([decodePacket(four).ttl, four[1]]).toEqual([hopLimit, trafficClass])
        expect(ok(four)).toEqual(sent)
      }),
    )
  })

  test('headers of options are left out, and a routing header that is done', () => {
    const packet = ipv6({ source: a6, destination: b6 }, udpSegment({ sourcePort: 1, destinationPort: 2 }, 'data'))
    const plain = ok(packet)
    const extended = withExtensions(packet, [0, options], [43, [0, 0, 0, 0, 0, 0, 0]], [60, options])
    expect(ok(extended)).toEqual(plain)
  })

  test.each([
    ['a routing header that is not done', [43, [0, 0, 1, 0, 0, 0, 0]], 'routing-header-not-translated'],
    ['an authentication header', [51, [0, 0, 0, 0, 0, 0, 0]], 'extension-header-not-translated'],
    ['a mobility header', [135, [0, 0, 0, 0, 0, 0, 0]], 'extension-header-not-translated'],
  ] as [string, [number, number[]], string][])('%s is refused', (_name, header, reason) => {
    const packet = ipv6({ source: a6, destination: b6 }, udpSegment({ sourcePort: 1, destinationPort: 2 }))
    expect(translate(withExtensions(packet, header))).toBe(reason)
    expect(translate(withExtensions(packet, fragment(0, true, 1), [60, options]))).toBe(
      'extension-header-not-translated',
    )
  })

  test('a fragment header becomes flags, offset and the low half of the identification', () => {
    const first = ipv6({ source: a6, destination: b6 }, udpSegment({ sourcePort: 1, destinationPort: 2 }, '12345678'))
    const four = ok(withExtensions(first, fragment(0, true, 0x1234_5678)))
    const expected = ipv4(
      { source: a4, destination: b4, id: 0x5678, moreFragments: true },
      udpSegment({ sourcePort: 1, destinationPort: 2 }, '12345678'),
    )
    expect(four).toEqual(expected)
    const second = ipv6({ source: a6, destination: b6 }, payload(17, 'more'))
    expect(ok(withExtensions(second, fragment(185, false, 0x1234_5678)))).toEqual(
      ipv4({ source: a4, destination: b4, id: 0x5678, fragmentOffset: 1480 }, payload(17, 'more')),
    )
    // An atomic fragment is no fragment (RFC 6946).
    expect(ok(withExtensions(first, fragment(0, false, 0x1234_5678)))).toEqual(
      ipv4({ source: a4, destination: b4, id: 0x5678 }, udpSegment({ sourcePort: 1, destinationPort: 2 }, '12345678')),
    )
  })

  test('up to 1,260 bytes a packet may be fragmented (RFC 7915 §5.1)', () => {
    const translator = toIpv4()
    const flagsOf = (bytes: Uint8Array, segmentSize = 0): number => {
      const packet = pooledPacket(pool, bytes)
      packet.segmentSize = segmentSize
      packet.segmentHeader = segmentSize === 0 ? 0 : 60
      expect(translator.translate(packet)).toBeUndefined()
      const flags = packet.view.getUint16(packet.offset + 6)
      packet.release()
      return flags
    }
    const tcp = (bytes: number): Uint8Array =>
      ipv6({ source: a6, destination: b6 }, tcpSegment({ sourcePort: 1, destinationPort: 2 }, new Uint8Array(bytes)))
    expect(flagsOf(tcp(9))).toBe(0)
    expect(flagsOf(tcp(1260 - 40))).toBe(0)
    expect(flagsOf(tcp(1261 - 40))).toBe(0x4000)
    expect(flagsOf(tcp(5000), 1220)).toBe(0)
    expect(flagsOf(tcp(5000), 1221)).toBe(0x4000)
    expect(flagsOf(ipv6({ source: a6, destination: b6 }, icmpError({ type: 1, code: 4 }, about6)))).toBe(0)
  })

  test('fragments of ICMP are refused, for their checksum is of the whole', () => {
    const echo = ipv6({ source: a6, destination: b6 }, icmpEcho({ type: 'request', identifier: 7 }, '12345678'))
    expect(translate(withExtensions(echo, fragment(0, true, 1)))).toBe('fragment-of-icmp')
    expect(translate(withExtensions(echo, fragment(1, true, 1)))).toBe('fragment-of-icmp')
    const error = ipv6({ source: a6, destination: b6 }, icmpError({ type: 1, code: 0 }, echo))
    expect(translate(withExtensions(error, fragment(0, true, 1)))).toBe('fragment-of-error')
  })
})

describe('IPv4 to IPv6 (RFC 7915 §4)', () => {
  test('options are left out, and a source route that is not done is refused', () => {
    const udp = udpSegment({ sourcePort: 1, destinationPort: 2 }, 'data')
    const plain = ok(ipv4({ source: a4, destination: b4 }, udp))
    const given = (options: number[]): Uint8Array =>
      ipv4({ source: a4, destination: b4, options: Uint8Array.from(options) }, udp)
    expect(ok(given([1, 148, 4, 0, 0, 0, 0, 0]))).toEqual(plain)
    expect(ok(given([131, 7, 8, 192, 0, 2, 9, 0]))).toEqual(plain)
    expect(translate(given([131, 7, 4, 192, 0, 2, 9, 0]))).toBe('source-route-not-translated')
    expect(translate(given([1, 137, 7, 4, 192, 0, 2, 9]))).toBe('source-route-not-translated')
  })

  test('flags and offset become a fragment header', () => {
    const udp = udpSegment({ sourcePort: 1, destinationPort: 2 }, '12345678')
    const six = ok(ipv4({ source: a4, destination: b4, id: 0x5678, moreFragments: true }, udp))
    expect(six).toEqual(withExtensions(ipv6({ source: a6, destination: b6 }, udp), fragment(0, true, 0x5678)))
    const last = ok(ipv4({ source: a4, destination: b4, id: 0x5678, fragmentOffset: 1480 }, payload(17, 'more')))
    expect(last).toEqual(
      withExtensions(ipv6({ source: a6, destination: b6 }, payload(17, 'more')), fragment(185, false, 0x5678)),
    )
  })

  test('a super-packet keeps what is its segments, and its checksum stands for nothing', () => {
    const tcp = tcpSegment({ sourcePort: 1, destinationPort: 2 }, new Uint8Array(5000))
    const mark = (packet: IpPacket): void => {
      packet.segmentSize = 1000
      packet.segmentHeader = packet.version === 6 ? 60 : 40
    }
    const packet = pooledPacket(pool, ipv4({ source: a4, destination: b4, dontFragment: true }, tcp))
    mark(packet)
    expect(toIpv6.translate(packet)).toBeUndefined()
    expect([packet.segmentHeader, packet.segments, packet.length]).toEqual([60, 5, 5060])
    expect(toIpv4().translate(packet)).toBeUndefined()
    expect([packet.segmentHeader, packet.segments, packet.length]).toEqual([40, 5, 5040])
    packet.release()
  })
})

const about4 = packetFromText(`UDP ${b4}:53 > ${a4}:5000`)
const about6 = packetFromText(`UDP [${b6}]:53 > [${a6}]:5000`)
const refused = 'icmp-type-not-translated'

describe('ICMP errors', () => {
  // RFC 7915 §5.2 and figure 6: type, code and value, ICMPv6 and what becomes of it.
  test.each([
    [1, 0, 0, '3/1 0'],
    [1, 1, 0, '3/10 0'],
    [1, 2, 0, '3/1 0'],
    [1, 3, 0, '3/1 0'],
    [1, 4, 0, '3/3 0'],
    [1, 5, 0, refused],
    [2, 0, 1400, '3/4 1380'],
    [2, 0, 9000, '3/4 1400'],
    [2, 0, 0, '3/4 68'],
    [3, 0, 0, '11/0 0'],
    [3, 1, 0, '11/1 0'],
    [3, 2, 0, '11/2 0'],
    [4, 0, 0, `12/0 ${0}`],
    [4, 0, 1, `12/0 ${1 << 24}`],
    [4, 0, 2, refused],
    [4, 0, 4, `12/0 ${2 << 24}`],
    [4, 0, 5, `12/0 ${2 << 24}`],
    [4, 0, 6, `12/0 ${9 << 24}`],
    [4, 0, 7, `12/0 ${8 << 24}`],
    [4, 0, 8, `12/0 ${12 << 24}`],
    [4, 0, 23, `12/0 ${12 << 24}`],
    [4, 0, 24, `12/0 ${16 << 24}`],
    [4, 0, 39, `12/0 ${16 << 24}`],
    [4, 0, 40, refused],
    [4, 1, 6, '3/2 0'],
    [4, 2, 6, refused],
    [5, 0, 0, refused],
    [127, 0, 0, refused],
  ])('ICMPv6 %i/%i with %i is %s', (type, code, rest, expected) => {
    const out = translate(ipv6({ source: a6, destination: b6 }, icmpError({ type, code, rest }, about6)))
    if (typeof out === 'string') expect(out).toBe(expected)
    else {
      const packet = decodePacket(out)
      expect(`${packet.type}/${packet.code} ${packet.rest}`).toBe(expected)
      expect(describeBytes(out)).toContain(`ICMP ${a4} > ${b4}`)
      expect(describeBytes(out)).toContain(` about UDP ${b4}:53 > ${a4}:5000`)
    }
  })

  // RFC 7915 §4.2 and figure 3.
  test.each([
    [3, 0, 0, '1/0 0'],
    [3, 1, 0, '1/0 0'],
    [3, 2, 0, '4/1 6'],
    [3, 3, 0, '1/4 0'],
    [3, 4, 1380, '2/0 1400'],
    [3, 4, 9000, '2/0 1420'],
    [3, 4, 576, '2/0 1280'],
    [3, 5, 0, '1/0 0'],
    [3, 8, 0, '1/0 0'],
    [3, 9, 0, '1/1 0'],
    [3, 10, 0, '1/1 0'],
    [3, 11, 0, '1/0 0'],
    [3, 12, 0, '1/0 0'],
    [3, 13, 0, '1/1 0'],
    [3, 14, 0, refused],
    [3, 15, 0, '1/1 0'],
    [3, 16, 0, refused],
    [11, 0, 0, '3/0 0'],
    [11, 1, 0, '3/1 0'],
    [11, 2, 0, '3/2 0'],
    [12, 0, 0, '4/0 0'],
    [12, 0, 1 << 24, '4/0 1'],
    [12, 0, 2 << 24, '4/0 4'],
    [12, 0, 3 << 24, '4/0 4'],
    [12, 0, 4 << 24, refused],
    [12, 0, 8 << 24, '4/0 7'],
    [12, 2, 9 << 24, '4/0 6'],
    [12, 0, 10 << 24, refused],
    [12, 0, 12 << 24, '4/0 8'],
    [12, 0, 19 << 24, '4/0 24'],
    [12, 0, 20 << 24, refused],
    [12, 1, 0, refused],
    [4, 0, 0, refused],
    [5, 1, 0, refused],
    [13, 0, 0, refused],
  ])('ICMP %i/%i with %i is %s', (type, code, rest, expected) => {
    const out = translate(ipv4({ source: a4, destination: b4 }, icmpError({ type, code, rest }, about4)))
    if (typeof out === 'string') expect(out).toBe(expected)
    else {
      const packet = decodePacket(out)
      expect(`${packet.type}/${packet.code} ${packet.rest}`).toBe(expected)
      expect(describeBytes(out)).toContain(`ICMPv6 ${a6} > ${b6}`)
      expect(describeBytes(out)).toContain(` about UDP [${b6}]:53 > [${a6}]:5000`)
    }
  })

  test('a router that states no MTU: the next smaller of the usual ones (RFC 1191 §7.1)', () => {
    const quoted = ipv4({ source: b4, destination: a4 }, payload(17, new Uint8Array(1480)))
    const out = ok(ipv4({ source: a4, destination: b4 }, icmpError({ type: 3, code: 4 }, quoted.subarray(0, 48))))
    expect(decodePacket(out).rest).toBe(1420)
    const small = new ToIpv6({ codecs, icmp: new Rfc7915(9000), mtu: 9000 })
    const packet = pooledPacket(
      pool,
      ipv4({ source: a4, destination: b4 }, icmpError({ type: 3, code: 4 }, quoted.subarray(0, 48))),
    )
    expect(small.translate(packet)).toBeUndefined()
    expect(decodePacket(packet.bytes()).rest).toBe(1512)
    packet.release()
  })

  test.each([
    [packetFromText(`TCP [${b6}]:80 > [${a6}]:5000 SYN`), `TCP ${b4}:80 > ${a4}:5000 SYN`],
    [packetFromText(`ICMPv6 ${b6} > ${a6} echo request 9`), `ICMP ${b4} > ${a4} echo request 9`],
    [packetFromText(`ICMPv6 ${b6} > ${a6} echo reply 9`), `ICMP ${b4} > ${a4} echo reply 9`],
  ])('what is quoted is as it would have been, checksums and all', (quoted, expected) => {
    const four = ok(ipv6({ source: a6, destination: b6 }, icmpError({ type: 1, code: 4 }, quoted)))
    expect(describeBytes(four)).toBe(`ICMP ${a4} > ${b4} 3/3 about ${expected}`)
    const back = ok(four)
    expect(decodePacket(back).quoted).toEqual(quoted)
  })

  test('a quote that is cut short keeps the lengths of what it is about', () => {
    const long = ipv6(
      { source: b6, destination: a6 },
      udpSegment({ sourcePort: 53, destinationPort: 9 }, new Uint8Array(900)),
    )
    const four = ok(ipv6({ source: a6, destination: b6 }, icmpError({ type: 3, code: 0 }, long.subarray(0, 48))))
    const quoted = decodePacket(four).quoted!
    expect([quoted.length, new DataView(quoted.buffer, quoted.byteOffset).getUint16(2)]).toEqual([28, 928])
    expect(summarize(decodeQuoted(quoted))).toBe(`UDP ${b4}:53 > ${a4}:9`)
    expect(decodePacket(ok(four)).quoted).toEqual(long.subarray(0, 48))
  })

  test('an extension stays behind the quote, at the length that the other family states (RFC 4884)', () => {
    const extension = Uint8Array.from([0x20, 0, 0xde, 0xad, 0, 8, 1, 1, 1, 2, 3, 4])
    // 160 bytes are 20 words of 8; 20 bytes less are 35 words of 4.
    const quoted6 = ipv6(
      { source: b6, destination: a6 },
      udpSegment({ sourcePort: 53, destinationPort: 9 }, new Uint8Array(112)),
    )
    const error6 = icmpError({ type: 3, code: 0, rest: 20 << 24 }, Uint8Array.from([...quoted6, ...extension]))
    const four = ok(ipv6({ source: a6, destination: b6 }, error6))
    const packet4 = decodePacket(four)
    expect([packet4.rest, packet4.quoted!.length]).toEqual([35 << 16, 140 + 12])
    expect(packet4.quoted!.subarray(140)).toEqual(extension)
    expect(decodePacket(ok(four)).quoted).toEqual(Uint8Array.from([...quoted6, ...extension]))
    // 136 bytes and 20 more are 19 and a half words of 8, so four bytes of nothing fill the last.
    const quoted4 = ipv4(
      { source: b4, destination: a4 },
      udpSegment({ sourcePort: 53, destinationPort: 9 }, new Uint8Array(108)),
    )
    const error4 = icmpError({ type: 11, code: 0, rest: 34 << 16 }, Uint8Array.from([...quoted4, ...extension]))
    const packet6 = decodePacket(ok(ipv4({ source: a4, destination: b4 }, error4)))
    expect([packet6.rest, packet6.quoted!.length]).toEqual([20 << 24, 160 + 12])
    expect(Array.from(packet6.quoted!.subarray(156, 172))).toEqual([0, 0, 0, 0, ...extension])
    // Where the other type has no room for a length, or too little would be quoted, the extension goes.
    const asTooBig = decodePacket(
      ok(
        ipv4(
          { source: a4, destination: b4 },
          icmpError({ type: 3, code: 4, rest: (34 << 16) | 1380 }, Uint8Array.from([...quoted4, ...extension])),
        ),
      ),
    )
    expect([asTooBig.rest, asTooBig.quoted!.length]).toEqual([1400, 156])
    const short6 = ipv6(
      { source: b6, destination: a6 },
      udpSegment({ sourcePort: 53, destinationPort: 9 }, new Uint8Array(80)),
    )
    const tooShort = decodePacket(
      ok(
        ipv6(
          { source: a6, destination: b6 },
          icmpError({ type: 3, code: 0, rest: 16 << 24 }, Uint8Array.from([...short6, ...extension])),
        ),
      ),
    )
    expect([tooShort.rest, tooShort.quoted!.length]).toEqual([0, 108])
  })

  test('an ICMPv6 error is never larger than 1280 bytes', () => {
    const quoted = ipv4(
      { source: b4, destination: a4 },
      udpSegment({ sourcePort: 53, destinationPort: 9 }, new Uint8Array(1400)),
    )
    const out = ok(ipv4({ source: a4, destination: b4 }, icmpError({ type: 3, code: 3 }, quoted)))
    expect(out.length).toBe(1280)
    expect(describeBytes(out).slice(0, 50)).toBe(`ICMPv6 ${a6} > ${b6} 1/4`.slice(0, 50))
  })

  test.each([
    ['cut short', (bytes: Uint8Array) => bytes.subarray(0, 44), 'icmp-error-truncated'],
    ['of no IPv6 packet', (bytes: Uint8Array) => bytes.with(0, 0x45), 'icmp-error-invalid'],
    [
      'about a fragment other than the first',
      (bytes: Uint8Array) => withExtensions(bytes, fragment(1, true, 1)),
      'icmp-error-no-session',
    ],
    ['from elsewhere', (bytes: Uint8Array) => bytes.with(9, 9), 'icmp-error-no-session'],
  ])('%s: refused', (_name, change, reason) => {
    expect(translate(ipv6({ source: a6, destination: b6 }, icmpError({ type: 1, code: 4 }, change(about6))))).toBe(
      reason,
    )
  })

  test('an ICMPv6 error with a wrong checksum is refused', () => {
    const bytes = ipv6({ source: a6, destination: b6 }, icmpError({ type: 1, code: 4 }, about6))
    bytes[bytes.length - 1]! ^= 1
    expect(translate(bytes)).toBe('icmp-checksum-invalid')
    expect(slowChecksum(bytes)).not.toBe(0)
  })
})
