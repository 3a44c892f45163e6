import { decodePacket, icmpEcho, ipv4, LayerRig, type Transport, tcpSegment, udpSegment } from '@millrace/core/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NatBehaviour } from './behaviour.ts'
import { nat } from './nat.ts'

// Random traffic through random configurations, held against what RFC 4787 §4.1 and §5 say in words: no time passes, so
// that whoever has ever been spoken to may answer.

const KINDS: readonly NatBehaviour[] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent']
const pair = fc.constantFrom(
  ...KINDS.flatMap((mapping, i) => KINDS.slice(i).map((filtering) => ({ mapping, filtering }))),
)
type Name = 'tcp' | 'udp' | 'icmp'

const step = fc.record({
  name: fc.constantFrom<Name>('tcp', 'udp', 'icmp'),
  up: fc.boolean(),
  host: fc.nat(2),
  port: fc.nat(2),
  remote: fc.nat(2),
  remotePort: fc.nat(2),
  target: fc.nat(),
})
const configuration = fc.record({
  udp: pair,
  tcp: pair,
  icmp: pair,
  addresses: fc.integer({ min: 1, max: 3 }),
  pick: fc.constantFrom('paired', 'per-flow'),
  overflow: fc.constantFrom('refuse', 'next'),
  seed: fc.nat(),
})

interface Spoken {
  readonly name: Name
  readonly inside: string
  readonly outside: string
  readonly remote: string
  readonly remotePort: number
}

function transportOf(name: Name, up: boolean, sourcePort: number, destinationPort: number): Transport {
  if (name === 'udp') return udpSegment({ sourcePort, destinationPort }, 'x')
  if (name === 'tcp') return tcpSegment({ sourcePort, destinationPort, flags: 'SYN' })
  return up
    ? icmpEcho({ type: 'request', identifier: sourcePort })
    : icmpEcho({ type: 'reply', identifier: destinationPort })
}

/** As `KINDS` orders them: how much of two conversations' remote ends must be the same. */
function same(kind: NatBehaviour, a: Spoken, remote: string, remotePort: number): boolean {
  if (kind === 'endpoint-independent') return true
  return a.remote === remote && (kind === 'address-dependent' || a.remotePort === remotePort)
}

test('mapping, filtering and uniqueness are what the configuration says, whatever the traffic', async () => {
  await fc.assert(
    fc.asyncProperty(configuration, fc.array(step, { maxLength: 80, size: 'max' }), async (given, steps) => {
      const address = Array.from({ length: given.addresses }, (_, i) => `203.0.113.${i + 1}`)
      const behaviours = (side: 'mapping' | 'filtering') => ({
        udp: given.udp[side],
        tcp: given.tcp[side],
        icmp: given.icmp[side],
      })
      const { pick, overflow, seed } = given
      const options = { address, pick, overflow, ports: [4000, 4003] as const }
      const layer = nat({ ...options, mapping: behaviours('mapping'), filtering: behaviours('filtering') })
      const rig = await LayerRig.start(layer, { seed })
      const spoken: Spoken[] = []
      for (const { name, up, host, port, target, ...end } of steps) {
        const remote = `198.51.100.${end.remote + 1}`
        const remotePort = name === 'icmp' ? 0 : end.remotePort + 1
        if (up) {
          const inside = `10.0.0.${host + 1}:${port}`
          rig.up(ipv4({ source: `10.0.0.${host + 1}`, destination: remote }, transportOf(name, true, port, remotePort)))
          const sent = rig.take().find(({ direction }) => direction === 'up')
          const sharing = spoken.filter(
            (one) => one.name === name && same(given[name].mapping, one, remote, remotePort),
          )
          const before = sharing.find((one) => one.inside === inside)
          if (sent === undefined) {
            expect(before).toBeUndefined()
            continue
          }
          const { source, sourcePort, identifier } = decodePacket(sent.bytes)
          const outside = `${source}:${sourcePort ?? identifier}`
          if (before !== undefined) expect(outside).toBe(before.outside)
          for (const one of sharing) expect(one.outside === outside).toBe(one.inside === inside)
          spoken.push({ name, inside, outside, remote, remotePort })
        } else {
          const any = spoken[target % Math.max(spoken.length, 1)]
          const [to = '', toPort = ''] = (any?.outside ?? '203.0.113.1:4000').split(':')
          rig.down(ipv4({ source: remote, destination: to }, transportOf(name, false, remotePort, Number(toPort))))
          const allowed = spoken.find(
            (one) =>
              one.name === name &&
              one.outside === `${to}:${toPort}` &&
              same(given[name].filtering, one, remote, remotePort),
          )
          const [output] = rig.take()
          expect(output !== undefined).toBe(allowed !== undefined)
          if (output === undefined) continue
          const { destination, destinationPort, identifier } = decodePacket(output.bytes)
          expect(`${destination}:${destinationPort ?? identifier}`).toBe(allowed?.inside)
        }
      }
      for (const reason of rig.drops.keys()) expect(['ports-exhausted', 'no-mapping']).toContain(reason)
      // When all is over nothing is left of it.
      rig.clock.advance(500_000)
      expect(layer.statistics()).toMatchObject({ peers: [], sessions: { udpPorts: 0, icmpIdentifiers: 0 } })
    }),
    { numRuns: 60 },
  )
})
