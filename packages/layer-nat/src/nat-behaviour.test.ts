import { decodePacket, LayerRig, packetFromText, runScript } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import type { NatBehaviour } from './behaviour.ts'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'

const KINDS: readonly NatBehaviour[] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent']
const PAIRS = KINDS.flatMap((mapping, i) => KINDS.slice(i).map((filtering) => ({ mapping, filtering })))
const start = (options: Partial<NatOptions>): Promise<LayerRig> =>
  LayerRig.start(nat({ address: '203.0.113.7', ...options }))

describe('mapping and filtering', () => {
  test('no port outside is below 1024, whatever the one inside', async () => {
    const rig = await start({})
    for (let port = 0; port <= 1100; port++) rig.up(packetFromText(`UDP 10.0.0.2:${port} > 198.51.100.7:53`))
    const ports = rig.take().map(({ bytes }) => decodePacket(bytes).sourcePort ?? 0)
    expect(ports.length).toBe(1101)
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024)
  })

  test.each(PAIRS)('$mapping mapping and $filtering filtering, UDP', async ({ mapping, filtering }) => {
    const rig = await start({ mapping, filtering })
    const known = runScript(
      rig,
      `up UDP 10.0.0.2:5000 > 198.51.100.7:53 => up UDP 203.0.113.7:$a > 198.51.100.7:53
       up UDP 10.0.0.2:5000 > 198.51.100.7:54 => up UDP 203.0.113.7:$b > 198.51.100.7:54
       up UDP 10.0.0.2:5000 > 198.51.100.8:53 => up UDP 203.0.113.7:$c > 198.51.100.8:53`,
    )
    // By chance two of the 64,512 ports may be the same, with this seed they are not.
    expect(known.get('$a') === known.get('$b')).toBe(mapping !== 'address-and-port-dependent')
    expect(known.get('$a') === known.get('$c')).toBe(mapping === 'endpoint-independent')
    const passes = (kind: NatBehaviour): string => {
      const open = KINDS.indexOf(filtering) <= KINDS.indexOf(kind)
      return open ? 'down UDP $from > 10.0.0.2:5000' : 'drop no-mapping'
    }
    for (const [from, kind] of [
      ['198.51.100.7:53', 'address-and-port-dependent'],
      ['198.51.100.7:99', 'address-dependent'],
      ['192.0.2.66:53', 'endpoint-independent'],
    ] as const) {
      runScript(rig, `down UDP ${from} > 203.0.113.7:$a => ${passes(kind).replace('$from', from)}`, known)
    }
  })

  test.each(PAIRS)('$mapping mapping and $filtering filtering, TCP', async ({ mapping, filtering }) => {
    const rig = await start({ mapping, filtering })
    const known = runScript(
      rig,
      `up TCP 10.0.0.2:5000 > 198.51.100.7:80 SYN => up TCP 203.0.113.7:$a > 198.51.100.7:80 SYN
       up TCP 10.0.0.2:5000 > 198.51.100.7:81 SYN => up TCP 203.0.113.7:$b > 198.51.100.7:81 SYN
       up TCP 10.0.0.2:5000 > 198.51.100.8:80 SYN => up TCP 203.0.113.7:$c > 198.51.100.8:80 SYN`,
    )
    expect(known.get('$a') === known.get('$b')).toBe(mapping !== 'address-and-port-dependent')
    expect(known.get('$a') === known.get('$c')).toBe(mapping === 'endpoint-independent')
    for (const [from, kind] of [
      ['198.51.100.7:99', 'address-dependent'],
      ['192.0.2.66:80', 'endpoint-independent'],
    ] as const) {
      const open = KINDS.indexOf(filtering) <= KINDS.indexOf(kind)
      const passes = (flags: string): string => (open ? `down TCP ${from} > 10.0.0.2:5000 ${flags}` : 'drop no-mapping')
      const refused = (flags: string): string =>
        `drop tcp-no-session${flags.includes('RST') ? '' : ` + down TCP ${from} > 10.0.0.2:5000 RST`}`
      const answers = (flags: string): string => (open ? `up TCP 203.0.113.7:$a > ${from} ${flags}` : refused(flags))
      runScript(
        rig,
        `down TCP ${from} > 203.0.113.7:$a ACK    => drop no-mapping
         down TCP ${from} > 203.0.113.7:$a SYN    => ${passes('SYN')}
         up TCP 10.0.0.2:5000 > ${from} RST ACK   => ${answers('RST ACK')}
         down TCP ${from} > 203.0.113.7:$a ACK    => drop no-mapping
         up TCP 10.0.0.2:5000 > ${from} SYN ACK   => ${answers('SYN ACK')}
         down TCP ${from} > 203.0.113.7:$a ACK    => ${passes('ACK')}
         up TCP 10.0.0.2:5000 > ${from} ACK       => ${answers('ACK')}`,
        known,
      )
    }
  })

  test('what comes from strangers makes no session, and keeps no mapping', async () => {
    const layer = nat({ address: '203.0.113.7', filtering: 'endpoint-independent', mapping: 'endpoint-independent' })
    const rig = await LayerRig.start(layer)
    const known = runScript(
      rig,
      `up   UDP 10.0.0.2:5000 > 198.51.100.7:53    => up UDP 203.0.113.7:$a > 198.51.100.7:53
       wait 299 s
       down UDP 192.0.2.66:1 > 203.0.113.7:$a      => down UDP 192.0.2.66:1 > 10.0.0.2:5000
       down UDP 198.51.100.7:53 > 203.0.113.7:$a   => down UDP 198.51.100.7:53 > 10.0.0.2:5000`,
    )
    expect(layer.statistics()?.sessions.opened).toBe(1)
    runScript(rig, 'wait 1 s\ndown UDP 192.0.2.66:1 > 203.0.113.7:$a => drop no-mapping', known)
  })

  test('whoever answers a stranger is told of errors about it, and tells of them, before any session', async () => {
    runScript(
      await start({ filtering: { udp: 'endpoint-independent' } }),
      `up   UDP 10.0.0.2:5000 > 198.51.100.7:53    => up UDP 203.0.113.7:$a > 198.51.100.7:53
       down UDP 192.0.2.66:1 > 203.0.113.7:$a      => down UDP 192.0.2.66:1 > 10.0.0.2:5000
       up ICMP 10.0.0.2 > 192.0.2.66 3/3 about UDP 192.0.2.66:1 > 10.0.0.2:5000 => up ICMP 203.0.113.7 > 192.0.2.66 3/3 about UDP 192.0.2.66:1 > 203.0.113.7:$a`,
    )
  })

  test('a connection that the outside begins is established when the outside has answered, not before', async () => {
    const rig = await start({ mapping: 'endpoint-independent', filtering: 'endpoint-independent' })
    const known = runScript(
      rig,
      `up TCP 10.0.0.2:5000 > 198.51.100.7:80 SYN     => up TCP 203.0.113.7:$a > 198.51.100.7:80 SYN
       down TCP 192.0.2.66:1 > 203.0.113.7:$a SYN     => down TCP 192.0.2.66:1 > 10.0.0.2:5000 SYN
       up TCP 10.0.0.2:5000 > 192.0.2.66:1 SYN ACK    => up TCP 203.0.113.7:$a > 192.0.2.66:1 SYN ACK
       down TCP 192.0.2.66:2 > 203.0.113.7:$a SYN     => down TCP 192.0.2.66:2 > 10.0.0.2:5000 SYN
       up TCP 10.0.0.2:5000 > 192.0.2.66:2 SYN ACK    => up TCP 203.0.113.7:$a > 192.0.2.66:2 SYN ACK
       wait 239 s
       down TCP 192.0.2.66:1 > 203.0.113.7:$a ACK     => down TCP 192.0.2.66:1 > 10.0.0.2:5000 ACK
       wait 2 s`,
    )
    runScript(rig, 'down TCP 192.0.2.66:2 > 203.0.113.7:$a ACK => drop no-mapping', known)
  })

  test.each<[Partial<NatOptions>, string]>([
    [
      { filtering: 'endpoint-independent' },
      'nat filtering: expected tcp to depend on no less than its mapping, which is address-and-port-dependent',
    ],
    [
      { mapping: { udp: 'address-dependent' }, filtering: { udp: 'endpoint-independent' } },
      'nat filtering: expected udp to depend on no less than its mapping, which is address-dependent',
    ],
    [
      { mapping: 'symmetric' as NatBehaviour },
      'nat mapping: expected one of endpoint-independent, address-dependent, address-and-port-dependent, got "symmetric"',
    ],
  ])('says what is wrong with %j', (options, message) => {
    expect(() => nat({ address: '203.0.113.7', ...options })).toThrow(message)
  })
})
