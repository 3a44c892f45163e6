import { decodePacket, ipv4, LayerRig, runScript, tcpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'

const syn = 'up TCP 10.0.0.2:1234 > 198.51.100.7:80 SYN => up TCP 203.0.113.7:$a > 198.51.100.7:80 SYN'
const synAck = 'down TCP 198.51.100.7:80 > 203.0.113.7:$a SYN ACK => down TCP 198.51.100.7:80 > 10.0.0.2:1234 SYN ACK'
const up = (flags: string): string =>
  `up TCP 10.0.0.2:1234 > 198.51.100.7:80 ${flags} => up TCP 203.0.113.7:$a > 198.51.100.7:80 ${flags}`
const down = (flags: string): string =>
  `down TCP 198.51.100.7:80 > 203.0.113.7:$a ${flags} => down TCP 198.51.100.7:80 > 10.0.0.2:1234 ${flags}`
const goneDown = 'down TCP 198.51.100.7:80 > 203.0.113.7:$a ACK => drop no-mapping'
const reset = (flags: string): string => `down TCP 198.51.100.7:80 > 10.0.0.2:1234 ${flags}`
const goneUp = `up TCP 10.0.0.2:1234 > 198.51.100.7:80 ACK => drop tcp-no-session + ${reset('RST')}`
const handshake = [syn, synAck, up('ACK')]
const established = 124 * 60
const transitory = 240

describe('nat and TCP', () => {
  test.each<[string, string[]]>([
    [
      'an open connection idles for 2 hours 4 minutes',
      [...handshake, `wait ${established - 1} s`, down('ACK'), 'wait 1 s', goneDown, goneUp],
    ],
    [
      'what the inside sends keeps it',
      [...handshake, `wait ${established - 1} s`, up('ACK'), `wait ${established - 1} s`, down('ACK')],
    ],
    ['what never opened goes after 4 minutes', [syn, synAck, `wait ${transitory} s`, goneDown]],
    [
      'a SYN sent again keeps the port and the time',
      [syn, 'wait 200 s', up('SYN'), 'wait 239 s', synAck, up('ACK'), 'wait 3600 s', down('ACK')],
    ],
    [
      'finished by both it goes 4 minutes later, whoever still sends',
      [...handshake, up('FIN ACK'), down('FIN ACK'), 'wait 239 s', up('ACK'), down('ACK'), 'wait 1 s', goneUp],
    ],
    ['half closed it stays', [...handshake, up('FIN ACK'), 'wait 3600 s', down('ACK'), up('ACK')]],
    [
      'a reset from the outside keeps the mapping for 4 minutes',
      [...handshake, down('RST'), 'wait 239 s', down('RST'), 'wait 1 s', goneDown],
    ],
    ['a reset from the inside, too', [...handshake, up('RST ACK'), 'wait 239 s', down('ACK'), 'wait 1 s', goneDown]],
    [
      'a forged reset ends nothing: the inside goes on',
      [...handshake, down('RST'), up('ACK'), 'wait 3600 s', down('ACK')],
    ],
    [
      'a finished connection is opened again on its port',
      [
        ...handshake,
        up('FIN ACK'),
        down('FIN ACK'),
        'wait 100 s',
        up('SYN'),
        synAck,
        up('ACK'),
        'wait 3600 s',
        down('ACK'),
      ],
    ],
    [
      'a reset connection is opened again on its port',
      [...handshake, down('RST ACK'), 'wait 200 s', up('SYN'), 'wait 200 s', synAck],
    ],
    [
      'a SYN from the outside does not keep a finished connection',
      [...handshake, up('FIN ACK'), down('FIN ACK'), 'wait 200 s', down('SYN'), 'wait 40 s', goneDown],
    ],
    ['simultaneous open', [syn, down('SYN'), up('SYN ACK'), down('SYN ACK'), 'wait 3600 s', down('ACK')]],
    [
      'nothing but a SYN begins a connection',
      Object.entries({
        ACK: ` + ${reset('RST')}`,
        'SYN ACK': ` + ${reset('RST')}`,
        RST: '',
        FIN: ` + ${reset('RST ACK')}`,
        'SYN FIN': ` + ${reset('RST ACK')}`,
        'SYN RST': '',
        'PSH ACK': ` + ${reset('RST')}`,
      }).map(([flags, answer]) => `up TCP 10.0.0.2:1234 > 198.51.100.7:80 ${flags} => drop tcp-no-session${answer}`),
    ],
    ['a SYN from the outside begins none', ['down TCP 198.51.100.7:80 > 203.0.113.7:4000 SYN => drop no-mapping']],
  ])('%s', async (_name, lines) => {
    const rig = await LayerRig.start(nat({ address: '203.0.113.7' }))
    runScript(rig, lines.join('\n'))
  })

  test('the same port serves several destinations, and no two connections to the same one', async () => {
    const rig = await LayerRig.start(nat({ address: '203.0.113.7', ports: [4000, 4000] }))
    runScript(
      rig,
      `up   TCP 10.0.0.2:1234 > 198.51.100.7:80 SYN  => up TCP 203.0.113.7:4000 > 198.51.100.7:80 SYN
       up   TCP 10.0.0.2:1234 > 198.51.100.7:81 SYN  => up TCP 203.0.113.7:4000 > 198.51.100.7:81 SYN
       up   TCP 10.0.0.3:1234 > 198.51.100.8:80 SYN  => up TCP 203.0.113.7:4000 > 198.51.100.8:80 SYN
       down TCP 198.51.100.7:81 > 203.0.113.7:4000 SYN ACK => down TCP 198.51.100.7:81 > 10.0.0.2:1234 SYN ACK
       down TCP 198.51.100.8:80 > 203.0.113.7:4000 SYN ACK => down TCP 198.51.100.8:80 > 10.0.0.3:1234 SYN ACK`,
    )
    rig.up(
      ipv4(
        { source: '10.0.0.3', destination: '198.51.100.7' },
        tcpSegment({ sourcePort: 9, destinationPort: 80, flags: 'SYN' }),
      ),
    )
    expect(rig.drops).toEqual(new Map([['ports-exhausted', 1]]))
  })

  test.each([
    { mtu: undefined, mss: 1460, expected: 1380 },
    { mtu: undefined, mss: 1380, expected: 1380 },
    { mtu: undefined, mss: 536, expected: 536 },
    { mtu: 1280, mss: 1460, expected: 1240 },
    { mtu: 65_535, mss: 65_535, expected: 65_495 },
  ])(
    'mss_clamping: lowers the MSS $mss to $expected with MTU $mtu, on SYN and SYN-ACK',
    async ({ mtu, mss, expected }) => {
      const rig = await LayerRig.start(nat({ address: '203.0.113.7', ...(mtu !== undefined && { mtu }) }))
      // An option of three bytes before it puts the MSS at an odd offset; NOP and nothing at an even one.
      for (const options of [Uint8Array.of(3, 3, 7), Uint8Array.of(1, 1), Uint8Array.of()]) {
        const fields = { sourcePort: 1000 + options.length, destinationPort: 80, mss, options }
        rig.up(ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, tcpSegment({ ...fields, flags: 'SYN' })))
        const sent = decodePacket(rig.take()[0]!.bytes)
        expect(sent.mss).toBe(expected)
        const back = { ...fields, sourcePort: 80, destinationPort: sent.sourcePort! }
        rig.down(
          ipv4({ source: '198.51.100.7', destination: '203.0.113.7' }, tcpSegment({ ...back, flags: 'SYN ACK' })),
        )
        expect(decodePacket(rig.take()[0]!.bytes).mss).toBe(expected)
        rig.up(ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, tcpSegment({ ...fields, flags: 'ACK' })))
        expect(decodePacket(rig.take()[0]!.bytes).mss).toBe(mss)
      }
    },
  )

  test.each([
    ['of length 0', [2, 0, 5, 180]],
    ['of length 1', [2, 1, 5, 180]],
    ['of length 3', [2, 3, 5, 1]],
    ['that ends behind the header', [1, 1, 1, 2]],
    ['whose length lies behind the header', [8, 10, 2, 4]],
    ['behind the end of options', [0, 2, 4, 255, 255, 0, 0, 0]],
  ])('leaves an option %s as it is', async (_what, bytes) => {
    const rig = await LayerRig.start(nat({ address: '203.0.113.7' }))
    const options = Uint8Array.from(bytes)
    const segment = tcpSegment(
      { sourcePort: 1, destinationPort: 80, flags: 'SYN', options },
      Uint8Array.of(255, 255, 255),
    )
    rig.up(ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, segment))
    const { bytes: sent } = rig.take()[0]!
    decodePacket(sent)
    expect(sent.slice(40)).toEqual(Uint8Array.of(...bytes, 255, 255, 255))
  })
})
