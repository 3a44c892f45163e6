import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { makeState } from '../testing/state.ts'
import type { GatewayFlags } from './flags.ts'
import { plan } from './plan.ts'

const random = new SeededRandom(1)
const none = undefined

describe('a first plan', () => {
  test('has the defaults, new keys and one client', () => {
    const first = plan(none, {}, random)
    expect(first).toMatchObject({
      listenPort: 51_820,
      egress: { mode: 'rootless', addresses: [], allow: [], deny: [] },
      subnet: '10.7.0.0/24',
      interface: 'millrace0',
      dns: [],
      peers: [{ name: 'client1', address: '10.7.0.2' }],
    })
    expect(first.subnet6).toMatch(/^fd.*\/64$/)
    expect(plan(none, {}, random).privateKey).not.toBe(first.privateKey)
  })

  const rootless = { mode: 'rootless', addresses: [], allow: [], deny: [] }
  const tun = { mode: 'tun', address: '203.0.113.7' }
  test.each<[string, GatewayFlags, string[], object]>([
    ['what nobody holds', { egressIp: ['203.0.113.7'] }, [], tun],
    [
      'what this host holds',
      { egressIp: ['203.0.113.7'] },
      ['203.0.113.7'],
      { ...rootless, addresses: ['203.0.113.7'] },
    ],
    ['auto', { egress: 'auto', egressIp: ['203.0.113.7'] }, [], tun],
    ['rootless', { egress: 'rootless', egressIp: ['203.0.113.7'] }, [], { ...rootless, addresses: ['203.0.113.7'] }],
    ['what only rootless can', { egressIp: ['2001:db8::7'] }, [], { ...rootless, addresses: ['2001:db8::7'] }],
    [
      'destinations',
      { allow: ['10.0.0.0/8'], deny: ['*:22'] },
      [],
      { ...rootless, allow: ['10.0.0.0/8'], deny: ['*:22'] },
    ],
    ['a resolver', { resolver: '127.0.0.53' }, [], { ...rootless, resolver: '127.0.0.53' }],
    ['none', { resolver: 'none' }, [], rootless],
  ])('has the egress for %s', (_what, flags, held, egress) => {
    expect(plan(none, flags, random, new Set(held)).egress).toEqual(egress)
  })

  test('auto stands for what is not remembered', () => {
    const first = plan(none, { public: 'auto', outer: 'auto' }, random)
    expect('public' in first || 'outer' in first).toBe(false)
  })
})

describe('a later plan', () => {
  const stored = makeState(
    { egress: { mode: 'tun', address: '203.0.113.7' }, public: 'vpn.example.org', outer: 'eth0', dns: ['9.9.9.9'] },
    ['one', 'two'],
  )
  const { endpoint, ...remembered } = stored

  test('without flags is what is stored', () => {
    expect(plan(stored, {}, random)).toEqual(remembered)
  })

  test.each<[GatewayFlags, object]>([
    [{ listen: 443 }, { listenPort: 443 }],
    [{ public: 'other.example.org' }, { public: 'other.example.org' }],
    [{ egress: 'kernel' }, { egress: { mode: 'kernel' } }],
    [{ egress: 'tun' }, { egress: { mode: 'tun', address: '203.0.113.7' } }],
    [{ egressIp: ['203.0.113.8'] }, { egress: { mode: 'tun', address: '203.0.113.8' } }],
    [{ egress: 'rootless', egressIp: [] }, { egress: { mode: 'rootless', addresses: [], allow: [], deny: [] } }],
    [{ interface: 'wg9' }, { interface: 'wg9' }],
    [{ dns: [] }, { dns: [] }],
    [{ subnet: '10.7.0.0/24' }, {}],
  ])('%j changes only that', (flags, changes) => {
    expect(plan(stored, flags, random)).toEqual({ ...remembered, ...changes })
  })

  test('auto forgets what was chosen', () => {
    const { public: _public, outer, ...rest } = remembered
    expect(plan(stored, { public: 'auto', outer: 'auto' }, random)).toEqual(rest)
  })
})

test('auto looks at the addresses of the state, too', () => {
  const egress = { mode: 'rootless', addresses: ['198.51.100.5'], allow: [], deny: [] } as const
  const held = new Set(['198.51.100.5'])
  expect(plan(makeState({ egress }), { egress: 'auto' }, random, held).egress).toEqual(egress)
})

describe('refuses what contradicts', () => {
  const tun = makeState({ egress: { mode: 'tun', address: '203.0.113.7' } })
  test.each([
    [none, { egress: 'tun' }, '--egress tun needs --egress-ip'],
    [none, { egress: 'kernel', egressIp: ['203.0.113.7'] }, '--egress-ip does not go with --egress kernel'],
    [none, { egressIp: ['127.0.0.1'] }, '--egress-ip: expected a unicast address, got 127.0.0.1'],
    [none, { egressIp: ['224.0.0.1'] }, '--egress-ip: expected a unicast address, got 224.0.0.1'],
    [none, { egressIp: ['10.7.0.9'] }, "--egress-ip: 10.7.0.9 lies in the tunnel's own subnet 10.7.0.0/24"],
    [none, { egress: 'tun', egressIp: ['203.0.113.7', '203.0.113.8'] }, '--egress tun needs --egress-ip: one'],
    [none, { egress: 'tun', egressIp: ['2001:db8::7'] }, '--egress tun needs --egress-ip: one'],
    [
      none,
      { egress: 'kernel', allow: ['10.0.0.0/8'] },
      '--allow, --deny and --resolver do not go with --egress kernel',
    ],
    [none, { egress: 'kernel', resolver: '9.9.9.9' }, '--allow, --deny and --resolver do not go with --egress kernel'],
    [none, { interface: 'wg9' }, '--interface and --outer do not go with --egress rootless'],
    [none, { egressIp: ['::1'] }, '--egress-ip: expected a unicast address, got ::1'],
    [tun, { subnet: '10.8.0.0/24' }, 'have addresses in 10.7.0.0/24: name another directory with --state'],
  ] as const)('%#: %j', (stored, flags, message) => {
    expect(() => plan(stored, flags, random)).toThrow(message)
  })
})
