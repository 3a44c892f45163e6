import { ConfigurationError } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { EgressAddresses } from './egress-addresses.ts'
import type { EgressOptions } from './egress-options.ts'

const POOL = ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4']
const POOL6 = ['2001:db8::1', '2001:db8::2']
const peers = Array.from({ length: 200 }, (_, i) => ({ name: `peer-${i}` }))

function egress(options: Partial<EgressOptions> = {}, seed = 1): EgressAddresses {
  return new EgressAddresses({ addresses: POOL, ...options }, new SeededRandom(seed))
}

function choose(
  from: EgressAddresses,
  owner: { name: string; id?: string },
  family: 4 | 6 = 4,
  attempt = 0,
  start = 0,
): string {
  const chosen = from.choose(owner, family, attempt, start)
  return typeof chosen === 'string' ? chosen : chosen.address
}

describe('paired', () => {
  test('every peer has one address of each family for all it does, and all are used', () => {
    const pool = egress({ addresses: [...POOL, ...POOL6] })
    const [four, six] = [peers.map((peer) => choose(pool, peer)), peers.map((peer) => choose(pool, peer, 6))]
    expect(new Set(four)).toEqual(new Set(POOL))
    expect(new Set(six)).toEqual(new Set(POOL6))
    for (const start of [1, 2, 3]) expect(peers.map((peer) => choose(pool, peer, 4, 0, start))).toEqual(four)
  })

  test('the same after a restart with the same secret, whatever the order; another with another', () => {
    const of = (options: Partial<EgressOptions>, seed = 1): string[] =>
      peers.map((peer) => choose(egress(options, seed), peer))
    const first = of({ secret: 'of this gateway' })
    expect(of({ secret: 'of this gateway', addresses: POOL.toReversed() }, 2)).toEqual(first)
    expect(of({ secret: 'of another' })).not.toEqual(first)
    expect(of({}, 1)).not.toEqual(of({}, 2))
  })

  test('one address more moves only those who get it, about 1/n', () => {
    const [small, large] = [egress({ secret: 'x' }), egress({ secret: 'x', addresses: [...POOL, '203.0.113.5'] })]
    const moved = peers.filter((peer) => choose(small, peer) !== choose(large, peer))
    for (const peer of moved) expect(choose(large, peer)).toBe('203.0.113.5')
    // Expected 40, standard deviation 5.7.
    expect(moved.length).toBeGreaterThan(15)
    expect(moved.length).toBeLessThan(65)
  })

  test('pairings at two gateways with one secret tell nothing about each other', () => {
    const other = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4']
    const [here, there] = [egress({ secret: 'x' }), egress({ secret: 'x', addresses: other })]
    const pairs = new Set(peers.map((peer) => `${choose(here, peer)} ${choose(there, peer)}`))
    expect(pairs.size).toBe(16)
  })

  test('an owner forgotten among many gets the same again', () => {
    const pool = egress()
    const before = peers.map((peer) => choose(pool, peer))
    for (let i = 0; i < 5000; i++) choose(pool, { name: `other-${i}` })
    expect(peers.map((peer) => choose(pool, peer))).toEqual(before)
  })

  test('overflow refuses, or goes on to the others, each once', () => {
    const peer = peers[0]!
    expect(choose(egress(), peer, 4, 1)).toBe('ports-exhausted')
    const pool = egress({ overflow: 'next' })
    const tried = [0, 1, 2, 3].map((attempt) => choose(pool, peer, 4, attempt))
    expect(new Set(tried)).toEqual(new Set(POOL))
    expect(choose(pool, peer, 4, 4)).toBe('ports-exhausted')
  })
})

describe('pinned', () => {
  const pins = { phone: '203.0.113.3', a2V5: ['203.0.113.4', '2001:db8:0::2'] }
  const pool = egress({ addresses: [...POOL, ...POOL6], pick: 'pinned', overflow: 'next', pins })

  test('by name or public key, and by key where both are', () => {
    expect(choose(pool, { name: 'phone' })).toBe('203.0.113.3')
    expect(choose(pool, { name: 'laptop', id: 'a2V5' })).toBe('203.0.113.4')
    expect(choose(pool, { name: 'phone', id: 'a2V5' })).toBe('203.0.113.4')
    expect(choose(pool, { name: 'laptop', id: 'a2V5' }, 6)).toBe('2001:db8::2')
  })

  test('none where it says none: not for the peer, not for the family', () => {
    expect(choose(pool, { name: 'laptop' })).toBe('no-egress-address')
    expect(choose(pool, { name: 'phone' }, 6)).toBe('no-egress-address')
    expect(choose(pool, { name: 'constructor' })).toBe('no-egress-address')
  })

  test('overflow refuses, whatever it says', () => {
    expect(choose(pool, { name: 'phone' }, 4, 1)).toBe('ports-exhausted')
  })
})

test('who is pinned has no other address, where the rest is paired', () => {
  const pool = egress({ pick: 'paired', overflow: 'next', pins: { phone: '203.0.113.3' } })
  expect(choose(pool, { name: 'phone' })).toBe('203.0.113.3')
  expect(choose(pool, { name: 'phone' }, 4, 1)).toBe('ports-exhausted')
  expect(choose(pool, { name: 'laptop' }, 4, 1)).not.toBe('ports-exhausted')
})

test('pins may change: they are asked for each time, and one that is not ours gives none', () => {
  const pins = new Map([['phone', ['203.0.113.3']]])
  const pool = egress({ pins: (name) => pins.get(name) })
  expect(choose(pool, { name: 'phone' })).toBe('203.0.113.3')
  pins.set('phone', ['203.0.113.4'])
  expect(choose(pool, { name: 'phone' })).toBe('203.0.113.4')
  pins.set('phone', ['192.0.2.1'])
  expect(choose(pool, { name: 'phone' })).toBe('no-egress-address')
})

test('a function for pins that throws gives none, and is asked by name alone', () => {
  const asked: string[] = []
  const pool = egress({
    pins: (name) => {
      asked.push(name)
      throw new Error('a bug of the program')
    },
  })
  expect(choose(pool, { name: 'phone', id: 'a2V5' })).toBe('no-egress-address')
  expect(asked).toEqual(['phone'])
})

test('per flow: every address has its turn, by the random start', () => {
  const pool = egress({ pick: 'per-flow', overflow: 'next' })
  expect([0, 1, 2, 3, 4].map((start) => choose(pool, peers[0]!, 4, 0, start))).toEqual([...POOL, POOL[0]])
  expect([0, 1, 2, 3].map((attempt) => choose(pool, peers[0]!, 4, attempt, 2))).toEqual([
    POOL[2],
    POOL[3],
    POOL[0],
    POOL[1],
  ])
})

describe('a family without an address', () => {
  test.each(['paired', 'pinned', 'per-flow'] as const)('is refused (%s)', (pick) => {
    const pins = { phone: POOL[0]! }
    expect(choose(egress({ pick, pins, overflow: 'next' }), { name: 'phone' }, 6)).toBe('no-ipv6-egress')
    expect(choose(egress({ pick, addresses: POOL6 }), { name: 'phone' }, 4)).toBe('no-ipv4-egress')
  })
})

describe('draining', () => {
  test('one that is drained is given to nobody anew, and can come back', () => {
    const pool = egress()
    const before = peers.map((peer) => choose(pool, peer))
    expect(pool.setDraining('203.0.113.2', true)).toBe(true)
    expect(pool.all.filter((address) => pool.isDraining(address)).map(({ address }) => address)).toEqual([
      '203.0.113.2',
    ])
    for (const [i, peer] of peers.entries()) {
      if (before[i] === '203.0.113.2') expect(choose(pool, peer)).not.toBe('203.0.113.2')
      else expect(choose(pool, peer)).toBe(before[i])
    }
    pool.setDraining('203.0.113.2', false)
    expect(peers.map((peer) => choose(pool, peer))).toEqual(before)
  })

  test('whose pin is drained gets none, and with all drained nobody does', () => {
    const pool = egress({ pick: 'pinned', pins: { phone: POOL[0]! } })
    pool.setDraining(POOL[0]!, true)
    expect(choose(pool, { name: 'phone' })).toBe('no-egress-address')
    const all = egress()
    for (const address of POOL) all.setDraining(address, true)
    expect(choose(all, peers[0]!)).toBe('no-egress-address')
    expect(all.setDraining('192.0.2.1', true)).toBe(false)
  })
})

test.each([
  [{ addresses: [] }, 'addresses'],
  [{ addresses: ['0.0.0.0'] }, 'addresses'],
  [{ addresses: ['::'] }, 'addresses'],
  [{ addresses: ['::ffff:203.0.113.1'] }, 'addresses'],
  [{ addresses: ['224.0.0.1'] }, 'addresses'],
  [{ addresses: ['ff02::1'] }, 'addresses'],
  [{ addresses: ['gateway.example'] }, 'addresses'],
  [{ addresses: ['2001:db8::1', '2001:db8:0::1'] }, 'addresses'],
  [{ pick: 'any' as 'paired' }, 'pick'],
  [{ overflow: 'drop' as 'next' }, 'overflow'],
  [{ pins: { phone: '203.0.113.9' } }, 'pins'],
  [{ pins: { phone: ['203.0.113.1', '203.0.113.2'] } }, 'pins'],
])('%o is refused in a line that names it', (options, name) => {
  expect(() => egress(options)).toThrow(ConfigurationError)
  expect(() => egress(options)).toThrow(new RegExp(`^sockets ${name}: expected`))
})
