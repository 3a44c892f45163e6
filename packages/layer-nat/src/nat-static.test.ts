import { decodePacket, describeBytes, ipv4, LayerRig, payload, runScript, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatForward, NatOptions } from './options.ts'
import { cut, join } from './test-support/cut.ts'

const NAT = '203.0.113.7'
const start = (options: Partial<NatOptions>): Promise<LayerRig> => LayerRig.start(nat({ address: NAT, ...options }))

describe('port forwards', () => {
  test.each<[string, NatForward[], string]>([
    [
      'TCP, from anybody, to another port',
      [{ protocol: 'tcp', port: 80, to: '10.0.0.3', toPort: 8080 }],
      `down TCP 198.51.100.7:1234 > ${NAT}:80 SYN       => down TCP 198.51.100.7:1234 > 10.0.0.3:8080 SYN
       up   TCP 10.0.0.3:8080 > 198.51.100.7:1234 SYN ACK => up TCP ${NAT}:80 > 198.51.100.7:1234 SYN ACK
       down UDP 198.51.100.7:1234 > ${NAT}:80           => drop no-mapping
       down TCP 198.51.100.7:1234 > ${NAT}:8080 SYN     => drop no-mapping`,
    ],
    [
      'they need no session, so an idle connection or a restart loses nothing',
      [{ protocol: 'tcp', port: 22, to: '10.0.0.3' }],
      `down TCP 198.51.100.7:1234 > ${NAT}:22 ACK       => down TCP 198.51.100.7:1234 > 10.0.0.3:22 ACK
       wait 90000 s
       up   TCP 10.0.0.3:22 > 198.51.100.7:1234 ACK     => up TCP ${NAT}:22 > 198.51.100.7:1234 ACK`,
    ],
    [
      'a range',
      [{ protocol: 'udp', port: [7000, 7002], to: '10.0.0.3', toPort: 9000 }],
      `down UDP 198.51.100.7:1 > ${NAT}:7000            => down UDP 198.51.100.7:1 > 10.0.0.3:9000
       down UDP 198.51.100.7:1 > ${NAT}:7002            => down UDP 198.51.100.7:1 > 10.0.0.3:9002
       down UDP 198.51.100.7:1 > ${NAT}:7003            => drop no-mapping
       up   UDP 10.0.0.3:9001 > 192.0.2.1:5             => up UDP ${NAT}:7001 > 192.0.2.1:5`,
    ],
    [
      'errors find their way, both ways',
      [{ protocol: 'udp', port: 7000, to: '10.0.0.3', toPort: 9000 }],
      `down UDP 198.51.100.7:1 > ${NAT}:7000            => down UDP 198.51.100.7:1 > 10.0.0.3:9000
       up ICMP 10.0.0.3 > 198.51.100.7 3/3 about UDP 198.51.100.7:1 > 10.0.0.3:9000 => up ICMP ${NAT} > 198.51.100.7 3/3 about UDP 198.51.100.7:1 > ${NAT}:7000
       up ICMP 10.0.0.4 > 198.51.100.7 3/3 about UDP 198.51.100.7:1 > 10.0.0.3:9000 => drop icmp-error-of-other-peer
       down ICMP 192.0.2.9 > ${NAT} 11/0 about UDP ${NAT}:7000 > 198.51.100.7:1 => down ICMP 192.0.2.9 > 10.0.0.3 11/0 about UDP 10.0.0.3:9000 > 198.51.100.7:1`,
    ],
  ])('%s', async (_name, forwards, script) => void runScript(await start({ forwards }), script))

  test('their ports are given to nobody else', async () => {
    const rig = await start({
      ports: [4000, 4002],
      forwards: [{ protocol: 'tcp', port: [4000, 4001], to: '10.0.0.3' }],
    })
    runScript(
      rig,
      `up UDP 10.0.0.2:1 > 198.51.100.7:53         => up UDP ${NAT}:4002 > 198.51.100.7:53
       up TCP 10.0.0.2:1 > 198.51.100.7:80 SYN     => up TCP ${NAT}:4002 > 198.51.100.7:80 SYN`,
    )
  })

  test.each<[NatForward[], string]>([
    [
      [
        { protocol: 'tcp', port: 80, to: '10.0.0.3' },
        { protocol: 'tcp', port: [79, 80], to: '10.0.0.4' },
      ],
      'nat forwards: expected each once, got "tcp outside 203.0.113.7:80" twice',
    ],
    [
      [
        { protocol: 'udp', port: 80, to: '10.0.0.3' },
        { protocol: 'udp', port: 81, to: '10.0.0.3', toPort: 80 },
      ],
      'nat forwards: expected each once, got "udp inside 10.0.0.3:80" twice',
    ],
    [
      [{ protocol: 'tcp', port: 80, to: '10.0.0.3', address: '203.0.113.8' }],
      'nat forwards.address: expected an address of the NAT, got "203.0.113.8"',
    ],
    [
      [{ protocol: 'tcp', port: [10, 9], to: '10.0.0.3' }],
      'nat forwards.port: expected a whole number from 10 to 65535, got 9',
    ],
    [
      [{ protocol: 'tcp', port: [10, 19], to: '10.0.0.3', toPort: 65_530 }],
      'nat forwards.toPort: expected a whole number from 1 to 65526, got 65530',
    ],
  ])('says what is wrong with %j', (forwards, message) => {
    expect(() => nat({ address: NAT, forwards })).toThrow(message)
  })
})

describe('one-to-one addresses', () => {
  const staticAddresses = [{ inside: '10.0.0.9', outside: '203.0.113.9' }]

  test('all protocols and ports, both ways, whoever begins', async () => {
    const rig = await start({ staticAddresses })
    runScript(
      rig,
      `up   UDP 10.0.0.9:53 > 198.51.100.7:53          => up   UDP 203.0.113.9:53 > 198.51.100.7:53
       down TCP 198.51.100.7:9 > 203.0.113.9:22 SYN    => down TCP 198.51.100.7:9 > 10.0.0.9:22 SYN
       down ICMP 198.51.100.7 > 203.0.113.9 echo request 3 => down ICMP 198.51.100.7 > 10.0.0.9 echo request 3
       up   ICMP 10.0.0.9 > 198.51.100.7 echo reply 3  => up   ICMP 203.0.113.9 > 198.51.100.7 echo reply 3
       up   UDP 10.0.0.2:53 > 198.51.100.7:53          => up   UDP ${NAT}:$a > 198.51.100.7:53
       up   UDP 10.0.0.9:53 > ${NAT}:$a                => drop no-mapping
       up   UDP 10.0.0.2:53 > 203.0.113.9:53           => down UDP ${NAT}:$a > 10.0.0.9:53
       down ICMP 192.0.2.9 > 203.0.113.9 3/1 about UDP 203.0.113.9:53 > 198.51.100.7:53 => down ICMP 192.0.2.9 > 10.0.0.9 3/1 about UDP 10.0.0.9:53 > 198.51.100.7:53
       up ICMP 10.0.0.9 > 198.51.100.7 3/3 about TCP 198.51.100.7:9 > 10.0.0.9:22 SYN => up ICMP 203.0.113.9 > 198.51.100.7 3/3 about TCP 198.51.100.7:9 > 203.0.113.9:22 SYN`,
    )
  })

  test.each([47, 50, 132, 4, 41])('protocol %i, without looking into it', async (protocol) => {
    const rig = await start({ staticAddresses })
    rig.up(ipv4({ source: '10.0.0.9', destination: '198.51.100.7' }, payload(protocol, 'as it is')))
    rig.down(ipv4({ source: '198.51.100.7', destination: '203.0.113.9' }, payload(protocol, 'as it is')))
    expect(rig.take().map(({ bytes }) => describeBytes(bytes))).toEqual([
      `${protocol} 203.0.113.9 > 198.51.100.7`,
      `${protocol} 198.51.100.7 > 10.0.0.9`,
    ])
  })

  test('fragments pass one by one, without being kept', async () => {
    const rig = await start({ staticAddresses, fragmentedDatagrams: 0 })
    const data = new Uint8Array(2500).fill(7)
    const udp = udpSegment({ sourcePort: 5, destinationPort: 53 }, data)
    rig.up(...cut(ipv4({ source: '10.0.0.9', destination: '198.51.100.7', id: 5 }, udp), 1000).reverse())
    expect(join(rig.take().map(({ bytes }) => bytes))).toMatchObject({ source: '203.0.113.9', id: 5, payload: data })
  })

  test('an address may stand for itself', async () => {
    runScript(
      await start({ staticAddresses: [{ inside: '192.0.2.200', outside: '192.0.2.200' }] }),
      'down TCP 198.51.100.7:9 > 192.0.2.200:22 SYN => down TCP 198.51.100.7:9 > 192.0.2.200:22 SYN',
    )
  })

  test('an outside address is either one-to-one or in the pool', () => {
    expect(() => nat({ address: NAT, staticAddresses: [{ inside: '10.0.0.9', outside: NAT }] })).toThrow(
      'nat staticAddresses: expected an outside address that is not in the pool, got "203.0.113.7"',
    )
  })
})

describe('protocols without ports', () => {
  const gre = (source: string, destination: string) => ipv4({ source, destination }, payload(47, 'GRE header'))

  test('have their address translated where asked for: one inside host for each remote one', async () => {
    const rig = await start({ otherProtocols: true })
    const sent: string[] = []
    const take = (): number => sent.push(...rig.take().map(({ bytes }) => describeBytes(bytes)))
    rig.up(gre('10.0.0.2', '198.51.100.7'), gre('10.0.0.3', '198.51.100.8'))
    rig.down(gre('198.51.100.7', NAT), gre('198.51.100.8', NAT), gre('198.51.100.9', NAT))
    take()
    expect(sent).toEqual([
      `47 ${NAT} > 198.51.100.7`,
      `47 ${NAT} > 198.51.100.8`,
      '47 198.51.100.7 > 10.0.0.2',
      '47 198.51.100.8 > 10.0.0.3',
    ])
    rig.up(gre('10.0.0.3', '198.51.100.7'))
    expect(rig.drops).toEqual(
      new Map([
        ['no-mapping', 1],
        ['ports-exhausted', 1],
      ]),
    )
    expect(decodePacket(rig.take()[0]!.bytes)).toMatchObject({ type: 3, code: 13 })
    rig.clock.advance(300_000)
    rig.up(gre('10.0.0.3', '198.51.100.7'))
    expect(rig.take().length).toBe(1)
  })
})
