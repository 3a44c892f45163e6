import { LayerRig, packetFromText } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatLayer } from './nat-layer.ts'
import type { NatOptions } from './options.ts'
import { Conversation } from './test-support/conversation.ts'

type Line = Record<string, unknown>

function logged(options: Partial<NatOptions> = {}): { layer: NatLayer; lines: string[]; parsed: () => Line[] } {
  const lines: string[] = []
  const layer = nat({ address: '203.0.113.7', ports: [4000, 4000], flowLog: (line) => lines.push(line), ...options })
  return { layer, lines, parsed: () => lines.map((line) => JSON.parse(line) as Line) }
}
const udpTo = (host: number): Uint8Array => packetFromText(`UDP 10.0.0.2:5000 > 198.51.100.${host}:53`)
const lost = (layer: NatLayer): number | undefined =>
  layer.metrics().find(({ name }) => name === 'nat_flow_log_lost_total')?.samples[0]?.value

describe('the flow log of nat', () => {
  test('a line as a session begins and one as it ends', async () => {
    const { layer, lines, parsed } = logged()
    const rig = await LayerRig.start(layer)
    const peer = { name: 'laptop "one"\n' }
    const began = new Date(rig.clock.wall()).toISOString()
    rig.up({ bytes: udpTo(7), peer }, { bytes: udpTo(7), peer })
    rig.down(packetFromText('UDP 198.51.100.7:53 > 203.0.113.7:4000'))
    rig.clock.advance(300_000)
    rig.up(udpTo(8))
    expect(lines.join('')).not.toContain('\n')
    const ends = { peer: peer.name, protocol: 'udp', inside: '10.0.0.2:5000', outside: '203.0.113.7:4000' }
    const { length } = udpTo(7)
    expect(parsed()).toMatchObject([
      { time: began, event: 'open', ...ends, remote: '198.51.100.7:53' },
      {
        time: new Date(rig.clock.wall()).toISOString(),
        event: 'close',
        ...ends,
        remote: '198.51.100.7:53',
        reason: 'idle',
        milliseconds: 300_000,
        up: { packets: 2, bytes: 2 * length },
        down: { packets: 1, bytes: length },
      },
      { event: 'open', peer: '10.0.0.2', remote: '198.51.100.8:53' },
    ])
  })

  test('how a TCP connection has ended', async () => {
    const reasons: unknown[] = []
    for (const last of ['RST', 'FIN ACK', 'ACK']) {
      const { layer, parsed } = logged()
      const talk = (await Conversation.through(layer)).handshake()
      talk.up(last, 1001, 5001)
      talk.down(last, 5001, 1001)
      talk.rig.clock.advance(8_000_000)
      layer.statistics()
      reasons.push(parsed().at(-1)?.['reason'])
    }
    expect(reasons).toEqual(['rst', 'fin', 'idle'])
  })

  test('what is above the rate is lost and counted, and the next line says how many', async () => {
    const { layer, parsed } = logged({ flowLogRate: { perSecond: 10, burst: 3 } })
    const rig = await LayerRig.start(layer)
    for (let host = 1; host <= 10; host++) rig.up(udpTo(host))
    expect(parsed().map(({ event }) => event)).toEqual(['open', 'open', 'open'])
    expect(lost(layer)).toBe(7)
    rig.clock.advance(100)
    rig.up(udpTo(11))
    expect(parsed().slice(3)).toMatchObject([
      { event: 'lost', lines: 7 },
      { event: 'open', remote: '198.51.100.11:53' },
    ])
    expect(lost(layer)).toBe(7)
  })

  test('a log that throws loses its lines, not the packets', async () => {
    const { layer } = logged({
      flowLog: () => {
        throw new Error('disk full')
      },
    })
    const rig = await LayerRig.start(layer)
    rig.up(udpTo(7), udpTo(8))
    expect(rig.take().length).toBe(2)
    expect(lost(layer)).toBe(2)
  })

  test('a log may look at the table at every line', async () => {
    const seen: number[] = []
    const look = (): number => seen.push([...layer.mappings()].length, layer.statistics()?.sessions.udp as number)
    const { layer } = logged({ ports: [4000, 4009], flowLog: () => look() })
    const rig = await LayerRig.start(layer)
    for (let host = 1; host <= 5; host++) rig.up(udpTo(host))
    expect(seen).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    rig.clock.advance(300_000)
    rig.up(udpTo(6))
    // Five ends, then the beginning of the sixth; what is due is never seen.
    expect(layer.statistics()?.sessions).toMatchObject({ udp: 1, udpPorts: 1, opened: 6, expired: 5 })
    expect(seen.slice(10)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    expect(lost(layer)).toBe(0)
  })

  test('without the option there is none', async () => {
    const layer = nat({ address: '203.0.113.7' })
    const rig = await LayerRig.start(layer)
    rig.up(udpTo(7))
    expect(lost(layer)).toBeUndefined()
  })
})
