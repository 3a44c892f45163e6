import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FloodRound, FloodWorld } from './support/flood-world.ts'
import { missingForNamespaces, needs } from './support/netns.ts'

const missing = missingForNamespaces('wg', 'ping', 'ss')
const SECOND = 1000
/** Of the established client, a second: 19 Mbit/s. */
const TRAFFIC = 2000
const ROUNDS = 6
const NEW_CLIENTS = 2
const ROUND = 800
/** What waits in the gateway's socket when a round ends arrives in this time, and counts. */
const PAUSE = 600
/** Messages a second that are a flood, at least; it is as many as go. */
const FLOOD = 5000
/** If other packets take more than this of the traffic it is no measure of what the flood may take. */
const LEAST_CONTROL = 0.5
const MEMORY_GROWTH = 24 << 20

let world: FloodWorld
beforeEach(() => {
  world = new FloodWorld()
})
afterEach(() => world.close())

test.skipIf(missing.length > 0)(
  `a flood of initiations with a valid mac1: who is in stays in, who is new gets in, nothing grows${needs(missing)}`,
  async () => {
    await world.start()
    expect(await world.connect(0, 10)).toBeLessThan(10 * SECOND)
    const traffic = await world.startTraffic(TRAFFIC)

    // As many as go. The same packets to a port that nobody listens at cost the machine what the flood costs it.
    const before = world.datagrams
    const kinds = ['control', 'flood'] as const
    const rounds = await world.startFlood({ rounds: ROUNDS, milliseconds: ROUND, pause: PAUSE, kinds }).ended()
    await sleep(PAUSE)
    const after = world.datagrams
    const of = (kind: string): readonly FloodRound[] => rounds.filter((round) => round.kind === kind)
    const delivered = (kind: string): number =>
      median(of(kind).map(({ from, to }) => traffic.delivered(from, to + PAUSE)))
    const [control, flooded] = [delivered('control'), delivered('flood')]
    const floodSeconds = (ROUNDS / 2) * (ROUND / SECOND)
    const taken = (after.received - before.received - (TRAFFIC * (ROUNDS * (ROUND + PAUSE))) / SECOND) / floodSeconds

    const memory = world.memory

    // Who is new comes from elsewhere: that is all there is to tell him by.
    const connected: number[] = []
    const rates = of('flood').map(perSecond)
    for (let i = 1; i <= NEW_CLIENTS; i++) {
      const flood = world.startFlood({ rounds: 1, milliseconds: 6 * SECOND, pause: 0, kinds: ['flood'] })
      await flood.begun()
      connected.push(await world.connect(i, 3))
      const connectedAt = Date.now()
      const [round] = (await flood.ended()) as [FloodRound]
      expect(connectedAt).toBeLessThan(round.to)
      rates.push(perSecond(round))
    }
    const growth = world.memory - memory

    const figures =
      `floods of ${rates.map(Math.round).join(', ')} a second, of which it took ${Math.round(taken)}: ` +
      `delivered ${percent(flooded)}, with it at a closed port ${percent(control)}; ` +
      `new clients in ${connected.map(Math.round).join(', ')} ms; ` +
      `memory +${growth >> 10} KiB; ${after.sent - before.sent} answers`
    expect(flooded / Math.max(control, LEAST_CONTROL), figures).toBeGreaterThanOrEqual(0.8)
    expect(Math.max(...connected), figures).toBeLessThan(3 * SECOND)
    expect(Math.min(...rates), figures).toBeGreaterThan(FLOOD)
    expect(growth, figures).toBeLessThan(MEMORY_GROWTH)
    expect(after.sent - before.sent, figures).toBeLessThanOrEqual(after.received - before.received)
  },
  120_000,
)

function perSecond({ from, to, packets }: FloodRound): number {
  return packets / ((to - from) / SECOND)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`
}
