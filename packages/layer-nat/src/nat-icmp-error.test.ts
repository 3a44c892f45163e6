import {
  decodePacket,
  decodeQuoted,
  describeBytes,
  icmpError,
  ipv4,
  LayerRig,
  packetFromText,
  payload,
  runScript,
  summarize,
  tcpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'

const start = (): Promise<LayerRig> => LayerRig.start(nat({ address: '203.0.113.7' }))
const open = `
  up TCP 10.0.0.2:1234 > 198.51.100.7:80 SYN          => up TCP 203.0.113.7:$t > 198.51.100.7:80 SYN
  up UDP 10.0.0.2:5000 > 198.51.100.7:53              => up UDP 203.0.113.7:$u > 198.51.100.7:53
  up ICMP 10.0.0.2 > 198.51.100.7 echo request 7      => up ICMP 203.0.113.7 > 198.51.100.7 echo request $i
`

describe('nat and ICMP errors', () => {
  // Every line also proves that the quoted packet has the checksums it was sent with.
  test.each([
    [
      'from a router or host outside they reach whom they are about, with what that one had sent',
      `down ICMP 192.0.2.9 > 203.0.113.7 11/0 about UDP 203.0.113.7:$u > 198.51.100.7:53
         => down ICMP 192.0.2.9 > 10.0.0.2 11/0 about UDP 10.0.0.2:5000 > 198.51.100.7:53
       down ICMP 198.51.100.7 > 203.0.113.7 3/3 about UDP 203.0.113.7:$u > 198.51.100.7:53
         => down ICMP 198.51.100.7 > 10.0.0.2 3/3 about UDP 10.0.0.2:5000 > 198.51.100.7:53
       down ICMP 192.0.2.9 > 203.0.113.7 3/4 about TCP 203.0.113.7:$t > 198.51.100.7:80 ACK
         => down ICMP 192.0.2.9 > 10.0.0.2 3/4 about TCP 10.0.0.2:1234 > 198.51.100.7:80 ACK
       down ICMP 192.0.2.9 > 203.0.113.7 11/0 about ICMP 203.0.113.7 > 198.51.100.7 echo request $i
         => down ICMP 192.0.2.9 > 10.0.0.2 11/0 about ICMP 10.0.0.2 > 198.51.100.7 echo request 7
       down ICMP 192.0.2.9 > 203.0.113.7 12/0 about UDP 203.0.113.7:$u > 198.51.100.7:53
         => down ICMP 192.0.2.9 > 10.0.0.2 12/0 about UDP 10.0.0.2:5000 > 198.51.100.7:53`,
    ],
    [
      'from the inside they come from the outside address, a router inside included',
      `up ICMP 10.0.0.2 > 198.51.100.7 3/3 about UDP 198.51.100.7:53 > 10.0.0.2:5000
         => up ICMP 203.0.113.7 > 198.51.100.7 3/3 about UDP 198.51.100.7:53 > 203.0.113.7:$u
       up ICMP 10.9.9.9 > 198.51.100.7 11/0 about TCP 198.51.100.7:80 > 10.0.0.2:1234 ACK
         => up ICMP 203.0.113.7 > 198.51.100.7 11/0 about TCP 198.51.100.7:80 > 203.0.113.7:$t ACK
       up ICMP 10.0.0.2 > 198.51.100.7 3/2 about ICMP 198.51.100.7 > 10.0.0.2 echo reply 7
         => up ICMP 203.0.113.7 > 198.51.100.7 3/2 about ICMP 198.51.100.7 > 203.0.113.7 echo reply $i`,
    ],
    [
      'about nothing that lives they go no further',
      `down ICMP 192.0.2.9 > 203.0.113.7 3/1 about UDP 203.0.113.7:$u > 198.51.100.7:54 => drop icmp-error-no-session
       down ICMP 192.0.2.9 > 203.0.113.7 3/1 about UDP 203.0.113.7:$u > 198.51.100.8:53 => drop icmp-error-no-session
       down ICMP 192.0.2.9 > 203.0.113.7 3/1 about TCP 203.0.113.7:$u > 198.51.100.7:53 => drop icmp-error-no-session
       down ICMP 192.0.2.9 > 203.0.113.7 3/1 about UDP 10.0.0.2:5000 > 198.51.100.7:53  => drop icmp-error-no-session
       up   ICMP 10.0.0.2 > 198.51.100.8 3/3 about UDP 198.51.100.8:53 > 10.0.0.2:5000  => drop icmp-error-no-session`,
    ],
    [
      'in the wrong direction, or at the wrong host, they go no further',
      `down ICMP 192.0.2.9 > 203.0.113.7 3/1 about UDP 198.51.100.7:53 > 203.0.113.7:$u => drop icmp-error-no-session
       down ICMP 192.0.2.9 > 203.0.113.7 3/1 about ICMP 203.0.113.7 > 198.51.100.7 echo reply $i => drop icmp-error-no-session
       up   ICMP 10.0.0.2 > 198.51.100.7 3/1 about UDP 10.0.0.2:5000 > 198.51.100.7:53  => drop icmp-error-no-session
       up   ICMP 10.0.0.2 > 192.0.2.99 3/3 about UDP 198.51.100.7:53 > 10.0.0.2:5000    => drop icmp-error-misdirected`,
    ],
    [
      'redirect and source quench go no further',
      `down ICMP 192.0.2.9 > 203.0.113.7 5/1 about UDP 203.0.113.7:$u > 198.51.100.7:53 => drop icmp-type-not-translated
       down ICMP 192.0.2.9 > 203.0.113.7 4/0 about UDP 203.0.113.7:$u > 198.51.100.7:53 => drop icmp-type-not-translated`,
    ],
    [
      'they end no session, and keep none',
      `wait 200 s
       down ICMP 198.51.100.7 > 203.0.113.7 3/3 about UDP 203.0.113.7:$u > 198.51.100.7:53
         => down ICMP 198.51.100.7 > 10.0.0.2 3/3 about UDP 10.0.0.2:5000 > 198.51.100.7:53
       up ICMP 10.0.0.2 > 198.51.100.7 3/3 about UDP 198.51.100.7:53 > 10.0.0.2:5000
         => up ICMP 203.0.113.7 > 198.51.100.7 3/3 about UDP 198.51.100.7:53 > 203.0.113.7:$u
       down UDP 198.51.100.7:53 > 203.0.113.7:$u => down UDP 198.51.100.7:53 > 10.0.0.2:5000
       wait 100 s
       down UDP 198.51.100.7:53 > 203.0.113.7:$u => drop no-mapping`,
    ],
  ])('%s', async (_name, script) => {
    const rig = await start()
    runScript(rig, script.replace(/\n\s+=>/g, ' =>'), runScript(rig, open))
  })

  async function opened(): Promise<{ rig: LayerRig; tcp: number }> {
    const rig = await start()
    return { rig, tcp: Number(runScript(rig, open).get('$t')) }
  }
  const outside = { source: '192.0.2.9', destination: '203.0.113.7' }

  test.each([8, 16, 18, 20, 27])('a quote cut to %i bytes of TCP is enough', async (kept) => {
    const { rig, tcp } = await opened()
    const sent = packetFromText(`TCP 203.0.113.7:${tcp} > 198.51.100.7:80 ACK`)
    const quote = sent.slice(0, 20 + kept)
    rig.down(ipv4(outside, icmpError({ type: 11, code: 0 }, quote)))
    const { quoted } = decodePacket(rig.take()[0]!.bytes)
    expect(quoted?.length).toBe(quote.length)
    expect(summarize(decodeQuoted(quoted!))).toMatch(/^TCP 10\.0\.0\.2:1234 > 198\.51\.100\.7:80/)
    // All that is quoted is what the inside had sent, its checksum included if that is quoted.
    const original = packetFromText('TCP 10.0.0.2:1234 > 198.51.100.7:80 ACK').slice(0, 20 + kept)
    expect(quoted).toEqual(original)
  })

  test('extensions behind the quote stay as they are', async () => {
    const { rig, tcp } = await opened()
    // RFC 4884: the quote is padded to 128 bytes, its length stands in 32-bit words in the second byte of the rest.
    const quote = new Uint8Array(128)
    quote.set(packetFromText(`TCP 203.0.113.7:${tcp} > 198.51.100.7:80 ACK`))
    const extension = Uint8Array.of(0x20, 0, 0, 0, 0, 8, 1, 1, 0xca, 0xfe, 0xba, 0xbe)
    const message = Uint8Array.of(...quote, ...extension)
    rig.down(ipv4(outside, icmpError({ type: 11, code: 0, rest: 32 << 16 }, message)))
    const { quoted, rest } = decodePacket(rig.take()[0]!.bytes)
    expect(rest).toBe(32 << 16)
    expect(quoted?.slice(128)).toEqual(extension)
    expect(quoted?.slice(0, 47)).toEqual(packetFromText('TCP 10.0.0.2:1234 > 198.51.100.7:80 ACK'))
  })

  test('IP options in the quote are skipped', async () => {
    const { rig, tcp } = await opened()
    const sent = { source: '203.0.113.7', destination: '198.51.100.7', options: new Uint8Array(40).fill(1) }
    const quote = ipv4(sent, tcpSegment({ sourcePort: tcp, destinationPort: 80 }))
    rig.down(ipv4(outside, icmpError({ type: 3, code: 1 }, quote)))
    expect(describeBytes(rig.take()[0]!.bytes)).toBe(
      'ICMP 192.0.2.9 > 10.0.0.2 3/1 about TCP 10.0.0.2:1234 > 198.51.100.7:80 ACK',
    )
  })

  test('one that is not whole is dropped by name', async () => {
    const { rig, tcp } = await opened()
    const quote = packetFromText(`TCP 203.0.113.7:${tcp} > 198.51.100.7:80 ACK`)
    const broken = ipv4(outside, icmpError({ type: 11, code: 0 }, quote))
    broken[40]! ^= 1
    const fragment = ipv4(
      { source: '203.0.113.7', destination: '198.51.100.7', fragmentOffset: 8 },
      payload(6, quote.slice(20)),
    )
    rig.down(
      broken,
      ipv4(outside, icmpError({ type: 11, code: 0 }, quote.slice(0, 27))),
      ipv4(outside, icmpError({ type: 11, code: 0 }, quote.slice(0, 19))),
      ipv4(outside, icmpError({ type: 11, code: 0 }, Uint8Array.of(0x41, ...quote.slice(1)))),
      ipv4(outside, icmpError({ type: 11, code: 0 }, Uint8Array.of(0x65, ...quote.slice(1)))),
      ipv4(outside, icmpError({ type: 11, code: 0 }, Uint8Array.of(0x4f, ...quote.slice(1, 60)))),
      ipv4(outside, icmpError({ type: 11, code: 0 }, fragment)),
    )
    expect(rig.take()).toEqual([])
    expect(rig.drops).toEqual(
      new Map([
        ['icmp-checksum-invalid', 1],
        ['icmp-error-truncated', 3],
        ['icmp-error-invalid', 2],
        ['icmp-error-no-session', 1],
      ]),
    )
  })

  test('a peer cannot complain about the session of another', async () => {
    const rig = await start()
    const [laptop, phone] = [{ name: 'laptop' }, { name: 'phone' }]
    rig.up({ bytes: packetFromText('UDP 10.0.0.2:5000 > 198.51.100.7:53'), peer: laptop })
    rig.take()
    const error = packetFromText('ICMP 10.0.0.2 > 198.51.100.7 3/3 about UDP 198.51.100.7:53 > 10.0.0.2:5000')
    rig.up({ bytes: error, peer: phone })
    expect(rig.take()).toEqual([])
    expect(rig.drops).toEqual(new Map([['icmp-error-of-other-peer', 1]]))
    rig.up({ bytes: error, peer: laptop })
    expect(rig.take().length).toBe(1)
  })
})
