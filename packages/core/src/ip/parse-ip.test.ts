import { describe, expect, test } from 'vitest'
import { asIpPacket } from '../packet/kind.ts'
import { PacketPool } from '../packet/pool.ts'
import { icmpEcho, ipv4, ipv6, payload, tcpSegment, udpSegment } from '../testing/packets.ts'
import { SeededRandom } from '../testing/seeded-random.ts'
import { parseIp } from './parse-ip.ts'

const pool = new PacketPool({ slots: 1, jumboSlots: 1 })

/** What every layer would read of these bytes. `surroundings` fills the memory before and behind them. */
function read(bytes: Uint8Array, surroundings = 0) {
  const packet = pool.acquire(bytes.length)!
  packet.memory.fill(surroundings, packet.slotStart, packet.slotEnd)
  packet.memory.set(bytes, packet.offset)
  packet.length = bytes.length
  try {
    const reason = parseIp(packet)
    if (reason !== undefined) return { reason }
    const ip = asIpPacket(packet)
    return {
      version: ip.version,
      protocol: ip.protocol,
      transport: ip.transport === 0 ? 0 : ip.transport - ip.offset,
      isFragment: ip.isFragment,
      length: ip.length,
      sourcePort: ip.sourcePort,
      destinationPort: ip.destinationPort,
      source: ip.source,
      destination: ip.destination,
      source4: ip.source4,
      destination4: ip.destination4,
      hopLimit: ip.hopLimit,
    }
  } finally {
    packet.release()
  }
}

const from4 = { source: '10.0.0.2', destination: '198.51.100.7' }
const from6 = { source: 'fd00::2', destination: '2001:db8::7' }
const udp = udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'hello')
const tcp = tcpSegment({ sourcePort: 51_234, destinationPort: 443 }, 'x')
/** Bytes with some of them replaced: `at` to values. */
const patched = (bytes: Uint8Array, ...patches: [at: number, ...values: number[]][]): Uint8Array => {
  const copy = bytes.slice()
  for (const [at, ...values] of patches) copy.set(values, at)
  return copy
}

describe('what is accepted', () => {
  test('an IPv4 packet', () => {
    expect(read(ipv4({ ...from4, ttl: 7 }, udp))).toEqual({
      version: 4,
      protocol: 17,
      transport: 20,
      isFragment: false,
      length: 33,
      sourcePort: 5000,
      destinationPort: 53,
      ...from4,
      source4: 0x0a000002,
      destination4: 0xc6336407,
      hopLimit: 7,
    })
  })

  test('an IPv6 packet', () => {
    expect(read(ipv6({ ...from6, hopLimit: 7 }, tcp))).toEqual({
      version: 6,
      protocol: 6,
      transport: 40,
      isFragment: false,
      length: 61,
      sourcePort: 51_234,
      destinationPort: 443,
      ...from6,
      source4: 0,
      destination4: 0,
      hopLimit: 7,
    })
  })

  test.each<[string, Uint8Array, object]>([
    ['IPv4 options', ipv4({ ...from4, options: new Uint8Array(12).fill(1) }, udp), { transport: 32, sourcePort: 5000 }],
    ['a first fragment', ipv4({ ...from4, moreFragments: true }, udp), { isFragment: true, destinationPort: 53 }],
    ['a later fragment', ipv4({ ...from4, fragmentOffset: 8 }, udp), { isFragment: true, transport: 0, sourcePort: 0 }],
    ['a packet with "don\'t fragment"', ipv4({ ...from4, dontFragment: true }, udp), { isFragment: false }],
    [
      'ICMP, which has no ports',
      ipv4(from4, icmpEcho({ type: 'request', identifier: 7 })),
      { transport: 20, sourcePort: 0 },
    ],
    [
      'SCTP, which has',
      ipv4(from4, payload(132, Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0))),
      { sourcePort: 0x0102, destinationPort: 0x0304 },
    ],
    [
      'TCP cut short: no transport header',
      ipv4(from4, payload(6, new Uint8Array(19))),
      { transport: 0, sourcePort: 0 },
    ],
    ['UDP cut short', ipv4(from4, payload(17, new Uint8Array(7))), { transport: 0, destinationPort: 0 }],
    ['nothing behind the header', ipv4(from4, payload(17)), { transport: 0, length: 20 }],
    ['padding, which is cut off', Uint8Array.from([...ipv4(from4, udp), ...new Array(11).fill(0)]), { length: 33 }],
    ['padding behind IPv6', Uint8Array.from([...ipv6(from6, udp), 1, 2, 3]), { length: 53, sourcePort: 5000 }],
    ['no next header', ipv6(from6, payload(59, 'ignored')), { protocol: 59, transport: 0 }],
  ])('%s', (_what, bytes, expected) => {
    expect(read(bytes)).toMatchObject(expected)
  })
})

describe('what is dropped, and why', () => {
  const good4 = ipv4(from4, udp)
  const good6 = ipv6(from6, udp)
  test.each<[string, string, Uint8Array]>([
    ['empty-packet', 'nothing', new Uint8Array()],
    ['not-ip', 'version 0', patched(good4, [0, 0x05])],
    ['not-ip', 'version 5', patched(good4, [0, 0x55])],
    ['not-ip', 'version 15', Uint8Array.of(0xff)],
    ['ip-header-truncated', '19 bytes of IPv4', good4.slice(0, 19)],
    ['ip-header-truncated', '39 bytes of IPv6', good6.slice(0, 39)],
    ['ip-header-truncated', 'one byte', Uint8Array.of(0x45)],
    ['ip-header-invalid', 'IPv4 header length below 20', patched(good4, [0, 0x44])],
    ['ip-header-invalid', 'total length below header length', patched(good4, [2, 0, 19])],
    ['ip-header-invalid', 'options longer than the packet', patched(good4, [0, 0x4f])],
    ['ip-packet-truncated', 'IPv4 total length above what came', patched(good4, [2, 0, good4.length + 1])],
    ['ip-packet-truncated', 'IPv6 payload length above what came', patched(good6, [4, 0, good6.length - 40 + 1])],
  ])('%s: %s', (reason, _what, bytes) => {
    expect(read(bytes)).toEqual({ reason })
  })
})

describe('IPv6 extension headers', () => {
  const HOP_BY_HOP = 0
  const ROUTING = 43
  const FRAGMENT = 44
  const AUTHENTICATION = 51
  const DESTINATION = 60
  const UDP = 17
  const udpBytes = udpSegment({ sourcePort: 5000, destinationPort: 53 }).bytes(6, () => new Uint8Array())
  /** The given headers, each naming the one behind it, then `rest`. Lengths as RFC 8200 §4 and RFC 4302 §2.2 count them. */
  const chain = (
    headers: [protocol: number, body: number[]][],
    last = UDP,
    rest: Uint8Array = udpBytes,
  ): Uint8Array => {
    const protocols = [...headers.map(([protocol]) => protocol), last]
    const parts = headers.flatMap(([, body], i) => [protocols[i + 1]!, ...body])
    return ipv6(from6, payload(protocols[0]!, Uint8Array.from([...parts, ...rest])))
  }
  const eight = [0, 0, 0, 0, 0, 0, 0]
  const sixteen = [1, ...new Array<number>(14).fill(0)]
  // 4-byte words less two: 24 bytes.
  const authentication = [4, ...new Array<number>(22).fill(9)]
  const fragment = (offset: number, more: boolean): number[] => [
    0,
    offset >> 8,
    (offset & 0xf8) | (more ? 1 : 0),
    1,
    2,
    3,
    4,
  ]

  test.each<[string, Uint8Array, object]>([
    ['one', chain([[HOP_BY_HOP, eight]]), { protocol: UDP, transport: 48, sourcePort: 5000 }],
    ['a longer one', chain([[DESTINATION, sixteen]]), { protocol: UDP, transport: 56, destinationPort: 53 }],
    [
      'several of different length',
      chain([
        [HOP_BY_HOP, eight],
        [ROUTING, sixteen],
        [AUTHENTICATION, authentication],
        [DESTINATION, eight],
      ]),
      { protocol: UDP, transport: 40 + 8 + 16 + 24 + 8, sourcePort: 5000 },
    ],
    ['eight', chain(new Array(8).fill([DESTINATION, eight])), { protocol: UDP, transport: 104, isFragment: false }],
    ['a first fragment', chain([[FRAGMENT, fragment(0, true)]]), { protocol: UDP, transport: 48, isFragment: true }],
    ['an atomic fragment (RFC 6946)', chain([[FRAGMENT, fragment(0, false)]]), { transport: 48, isFragment: true }],
    [
      'a later fragment',
      chain([[FRAGMENT, fragment(8, false)]]),
      { protocol: UDP, transport: 0, isFragment: true, sourcePort: 0 },
    ],
    ['a large fragment offset', chain([[FRAGMENT, fragment(0xfff8, true)]]), { transport: 0, isFragment: true }],
    [
      'headers before a fragment',
      chain([
        [HOP_BY_HOP, eight],
        [FRAGMENT, fragment(0, true)],
      ]),
      { transport: 56, isFragment: true },
    ],
    ['none behind the last', chain([[HOP_BY_HOP, eight]], 59), { protocol: 59, transport: 0 }],
    [
      'one that reaches behind the end',
      chain([[HOP_BY_HOP, [255, 0, 0, 0, 0, 0, 0]]]),
      { protocol: UDP, transport: 0, sourcePort: 0 },
    ],
    [
      'one cut short',
      chain([[HOP_BY_HOP, eight]], DESTINATION, Uint8Array.of(17, 0, 0)),
      { protocol: DESTINATION, transport: 0 },
    ],
    [
      'an unknown one ends the chain',
      chain([[HOP_BY_HOP, eight]], 253),
      { protocol: 253, transport: 48, sourcePort: 0 },
    ],
  ])('%s', (_what, bytes, expected) => {
    expect(read(bytes)).toMatchObject(expected)
  })

  test('nine or more are dropped, so that no chain costs much time', () => {
    for (const count of [9, 10, 150]) {
      expect(read(chain(new Array(count).fill([DESTINATION, eight])))).toEqual({ reason: 'too-many-extension-headers' })
    }
  })
})

// Seeded, so that a failure names bytes that can be looked at again.
test('200,000 random byte strings: never throws, never leaves the packet', () => {
  const random = new SeededRandom(2)
  const protocols = [0, 6, 17, 43, 44, 51, 58, 59, 60, 132, 135]
  const protocol = (): number =>
    random.chance(0.9) ? protocols[random.uint32() % protocols.length]! : random.uint32() & 0xff
  const seen = { dropped: 0, withTransport: 0, without: 0 }
  for (let run = 0; run < 200_000; run++) {
    const bytes = new Uint8Array(random.uint32() % 100)
    random.fill(bytes)
    if (bytes.length > 0 && random.chance(0.9)) {
      bytes[0] = random.chance(0.5) ? 0x45 + (random.chance(0.1) ? random.uint32() % 11 : 0) : 0x60
      const [at, length] = bytes[0] === 0x60 ? [4, bytes.length - 40] : [2, bytes.length]
      if (bytes.length > 40 && random.chance(0.9)) bytes.set([0, length - (random.uint32() % 4)], at)
      if (bytes.length > 10) bytes[bytes[0] === 0x60 ? 6 : 9] = protocol()
      if (bytes[0] === 0x60 && bytes.length > 50) bytes.set([protocol(), random.uint32() % 3], 40)
    }
    const facts = read(bytes, 0x00)
    // Memory before and behind must not matter: whatever reads it sees the difference.
    const others = read(bytes, 0xff)
    if (JSON.stringify(facts) !== JSON.stringify(others))
      expect(others, Buffer.from(bytes).toString('hex')).toEqual(facts)
    if (facts.reason !== undefined) {
      seen.dropped++
      continue
    }
    const { transport = 0, length = 0, protocol: last, version } = facts
    const inside =
      length <= bytes.length &&
      (transport === 0 || (transport >= (version === 4 ? 20 : 40) && transport + (last === 6 ? 20 : 8) <= length))
    if (!inside) expect.fail(`outside of the packet: ${Buffer.from(bytes).toString('hex')}`)
    if (transport === 0) seen.without++
    else seen.withTransport++
  }
  // Each kind has been seen often, or the generator is broken.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20_000)
})
