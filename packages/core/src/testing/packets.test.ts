import { describe, expect, test } from 'vitest'
import { decodePacket, summarize } from './decode-packet.ts'
import { icmpEcho, ipv4, ipv6, slowChecksum, tcpSegment, udpSegment } from './packets.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('packets for tests', () => {
  test('the slow checksum is that of the example in RFC 1071 §3', () => {
    expect(slowChecksum(hex('0001 f203 f4f5 f6f7'))).toBe(0x220d)
    expect(slowChecksum(hex('0001 f2'), hex('03 f4f5 f6f7'))).toBe(0x220d)
  })

  // Summed by hand: 4500 + 001c + 4000 + 4001 + 2 * (7f00 + 0001) = 1c31f, folded c320; 0800 + 0001 + 0001 = 0802.
  test('an echo request is laid out as RFC 791 and RFC 792 have it', () => {
    const packet = ipv4(
      { source: '127.0.0.1', destination: '127.0.0.1', dontFragment: true },
      icmpEcho({ type: 'request', identifier: 1 }),
    )
    expect(packet).toEqual(hex('4500 001c 0000 4000 4001 3cdf 7f00 0001 7f00 0001  0800 f7fd 0001 0001'))
  })

  test.each([
    ['UDP 10.0.0.2:5000 > 198.51.100.7:53', udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'odd')],
    [
      'TCP 10.0.0.2:1 > 198.51.100.7:65535 SYN ACK',
      tcpSegment({ sourcePort: 1, destinationPort: 65_535, flags: 'ACK SYN', mss: 1460 }),
    ],
    ['ICMP 10.0.0.2 > 198.51.100.7 echo reply 9', icmpEcho({ type: 'reply', identifier: 9 }, 'x')],
  ])('what was made decodes to what it was made of: %s', (expected, transport) => {
    const fields = { source: '10.0.0.2', destination: '198.51.100.7', ttl: 3, options: new Uint8Array(8).fill(1) }
    const decoded = decodePacket(ipv4(fields, transport))
    expect(summarize(decoded)).toBe(expected)
    expect(decoded.ttl).toBe(3)
  })

  test('every checksum is checked', () => {
    const parts = [
      tcpSegment({ sourcePort: 1, destinationPort: 2 }, 'data'),
      udpSegment({ sourcePort: 1, destinationPort: 2 }, 'data'),
      icmpEcho({ type: 'request', identifier: 1 }, 'data'),
    ]
    for (const transport of parts) {
      for (const make of [
        () => ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, transport),
        () => ipv6({ source: 'fd00::2', destination: '2001:db8::7' }, transport),
      ]) {
        decodePacket(make())
        const broken = make()
        broken[broken.length - 1]! ^= 1
        expect(() => decodePacket(broken)).toThrow(/checksum/)
      }
    }
    const broken = ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, parts[0]!)
    broken[8]! ^= 1
    expect(() => decodePacket(broken)).toThrow('IPv4 header checksum')
  })
})
