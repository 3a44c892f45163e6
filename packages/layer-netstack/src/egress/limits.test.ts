import { ConfigurationError } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import type { OpenFlow } from './flow-ticket.ts'
import { type FlowLimitOptions, FlowLimits, type LimitOwner } from './limits.ts'

const [ALICE, BOB] = [{ name: 'alice' }, { name: 'bob' }]
const FAST = { perSecond: 1e6, burst: 1e6 }

function open(limits: FlowLimits, owner: LimitOwner, { now = 0, to = 'x', dials = false } = {}): OpenFlow {
  const ticket = limits.open(owner, to, now, dials)
  if (typeof ticket === 'string') throw new Error(ticket)
  return ticket
}

/** Opens flows until one is refused, and says how many and why. */
function fill(
  limits: FlowLimits,
  owner: LimitOwner,
  options: { now?: number; dials?: boolean; apart?: boolean } = {},
): [number, unknown] {
  for (let count = 0; ; count++) {
    const ticket = limits.open(owner, options.apart ? `${count}` : 'x', options.now ?? 0, options.dials ?? false)
    if (typeof ticket === 'string') return [count, ticket]
  }
}

describe('flows at once', () => {
  test('of one peer and in all', () => {
    const limits = new FlowLimits({ flows: 10, flowsPerPeer: 7 })
    expect(fill(limits, ALICE)).toEqual([7, 'peer-flows-exhausted'])
    expect(fill(limits, BOB)).toEqual([3, 'flows-exhausted'])
    expect([limits.flows, limits.flowsOf(ALICE), limits.flowsOf(BOB)]).toEqual([10, 7, 3])
  })

  test('count until they are closed, once', () => {
    const limits = new FlowLimits({ flows: 2, flowsPerPeer: 1 })
    const ticket = open(limits, ALICE)
    expect(limits.open(ALICE, 'x', 0, false)).toBe('peer-flows-exhausted')
    ticket.close(0)
    ticket.close(0)
    expect([limits.flows, limits.flowsOf(ALICE)]).toEqual([0, 0])
    open(limits, ALICE)
    expect(limits.flows).toBe(1)
  })

  test('by default a peer has a quarter of them', () => {
    const limits = new FlowLimits({ flows: 400, newFlowsPerPeer: FAST })
    expect(fill(limits, ALICE)).toEqual([100, 'peer-flows-exhausted'])
  })
})

describe('new flows', () => {
  test('of one peer: so many at once, and so many a second', () => {
    const limits = new FlowLimits({ newFlowsPerPeer: { perSecond: 10, burst: 20 } })
    expect(fill(limits, ALICE)).toEqual([20, 'peer-rate-exceeded'])
    expect(fill(limits, ALICE, { now: 500 })).toEqual([5, 'peer-rate-exceeded'])
  })

  test('nobody gets a fresh start by closing what he had', () => {
    const limits = new FlowLimits({ newFlowsPerPeer: { perSecond: 10, burst: 20 } })
    let opened = 0
    for (let now = 0; now < 10_000; now += 10) {
      const ticket = limits.open(ALICE, 'x', now, false)
      if (typeof ticket === 'string') continue
      opened++
      ticket.close(now)
    }
    expect(opened).toBeGreaterThanOrEqual(119)
    expect(opened).toBeLessThanOrEqual(120)
  })

  test('of all peers', () => {
    const limits = new FlowLimits({ newFlows: { perSecond: 1, burst: 30 } })
    expect(fill(limits, ALICE)).toEqual([30, 'rate-exceeded'])
    expect(fill(limits, BOB)).toEqual([0, 'rate-exceeded'])
  })

  test('the default carries 500 a second for a minute, and 2,000 at once', () => {
    const limits = new FlowLimits()
    const tickets = Array.from({ length: 2000 }, () => open(limits, ALICE, { dials: true }))
    for (const ticket of tickets) ticket.close(0)
    for (let now = 2000; now < 62_000; now += 2) open(limits, ALICE, { now, dials: true }).close(now + 1)
  })
})

describe('dials', () => {
  test('one peer has two thirds of them at most', () => {
    const limits = new FlowLimits({ dials: 9 })
    expect(fill(limits, ALICE, { dials: true })).toEqual([6, 'peer-dials-exhausted'])
    expect(fill(limits, BOB, { dials: true })).toEqual([3, 'dials-exhausted'])
    expect(limits.dials).toBe(9)
    open(limits, BOB)
  })

  test('end when the connection stands or the flow closes, once', () => {
    const limits = new FlowLimits({ dials: 2, dialsPerPeer: 2 })
    const [first, second] = [open(limits, ALICE, { dials: true }), open(limits, ALICE, { dials: true })]
    first.dialled()
    first.dialled()
    expect([limits.dials, limits.flows]).toEqual([1, 2])
    second.close(0)
    first.close(0)
    expect([limits.dials, limits.flows]).toEqual([0, 0])
  })
})

test('fan-out: so many different destinations a second, known ones as often as one likes', () => {
  const limits = new FlowLimits({ destinationsPerPeer: 50 })
  expect(fill(limits, ALICE, { apart: true })).toEqual([50, 'peer-fan-out-exceeded'])
  for (let i = 0; i < 100; i++) open(limits, ALICE, { to: '7', now: 900 })
  expect(limits.open(ALICE, '50', 999, false)).toBe('peer-fan-out-exceeded')
  open(limits, ALICE, { to: '50', now: 1000 })
})

test('one peer that takes all it can get leaves another what it needs', () => {
  const limits = new FlowLimits({ flows: 1000, dials: 300 })
  const random = new SeededRandom(4)
  const held: OpenFlow[] = []
  let most = 0
  for (let now = 0; now < 30_000; now += 10) {
    for (let i = 0; i < 50; i++) {
      const ticket = limits.open(ALICE, `${random.uint32()}`, now, random.chance(0.5))
      if (typeof ticket !== 'string') held.push(ticket)
    }
    most = Math.max(most, limits.flowsOf(ALICE))
    if (random.chance(0.2)) held.splice(0, 20).forEach((ticket) => void ticket.close(now))
    if (now % 100 === 0) open(limits, BOB, { now, dials: true }).close(now + 1)
  }
  expect(most).toBe(250)
})

describe('what is remembered', () => {
  test('of idle peers nothing, once they are as good as new', () => {
    const limits = new FlowLimits({ newFlowsPerPeer: { perSecond: 10, burst: 30 } })
    for (let i = 0; i < 100; i++) open(limits, `10.0.0.${i}`).close(0)
    const stays = open(limits, BOB)
    expect(limits.size).toBe(101)
    open(limits, ALICE, { now: 2999 }).close(2999)
    expect(limits.size).toBe(102)
    open(limits, ALICE, { now: 3000 })
    expect(limits.size).toBe(2)
    stays.close(3000)
  })

  test('is bounded, even of strangers who are only refused', () => {
    const limits = new FlowLimits({ flows: 1 })
    open(limits, BOB)
    for (let i = 0; i < 10_000; i++) limits.open(`stranger ${i}`, 'x', 0, false)
    expect(limits.size).toBe(1 + 4096)
  })
})

test.each([
  [{ flows: 0 }, 'flows'],
  [{ flowsPerPeer: 1.5 }, 'flowsPerPeer'],
  [{ dials: -1 }, 'dials'],
  [{ dialsPerPeer: Number.NaN }, 'dialsPerPeer'],
  [{ destinationsPerPeer: 0 }, 'destinationsPerPeer'],
  [{ newFlows: { perSecond: 0, burst: 1 } }, 'newFlows.perSecond'],
  [{ newFlowsPerPeer: { perSecond: 1, burst: 0 } }, 'newFlowsPerPeer.burst'],
] satisfies [FlowLimitOptions, string][])('%o is refused in a line that names it', (options, name) => {
  expect(() => new FlowLimits(options)).toThrow(ConfigurationError)
  expect(() => new FlowLimits(options)).toThrow(new RegExp(`^sockets ${name}: expected`))
})
