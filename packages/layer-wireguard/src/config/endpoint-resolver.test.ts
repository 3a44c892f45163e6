import type { SocketAddress } from '@millrace/core'
import { VirtualClock } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { EndpointResolver, type EndpointResolverOptions } from './endpoint-resolver.ts'

/** A resolver of a virtual world: `addresses` by name, each look-up ended by hand. */
class World {
  readonly clock = new VirtualClock()
  readonly addresses: Record<string, readonly string[]> = {}
  readonly asked: string[] = []
  readonly #ends: (() => void)[] = []
  readonly resolver: EndpointResolver

  constructor(options: EndpointResolverOptions = {}) {
    const lookup = (host: string): Promise<readonly { address: string }[]> => {
      this.asked.push(host)
      return new Promise((resolve, reject) => {
        this.#ends.push(() => {
          const found = this.addresses[host]
          if (found === undefined) reject(new Error(`getaddrinfo ENOTFOUND ${host}`))
          else resolve(found.map((address) => ({ address })))
        })
      })
    }
    this.resolver = new EndpointResolver({ lookup, clock: this.clock, ...options })
  }

  /** Ends the look-ups that are underway, and lets all that follows from it happen. */
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0)) end()
    await this.settle()
  }

  async settle(): Promise<void> {
    await new Promise((next) => setImmediate(next))
  }

  async resolve(host: string, failed?: SocketAddress): Promise<string | undefined> {
    const result = this.resolver.resolve({ host, port: 51_820 }, failed)
    await this.end()
    return (await result)?.toString()
  }
}

test('an address needs no look-up and comes in its one form', async () => {
  const world = new World()
  expect(await world.resolve('192.0.2.1')).toBe('192.0.2.1:51820')
  expect(await world.resolve('2001:DB8:0:0::1')).toBe('[2001:db8::1]:51820')
  expect(await world.resolve('fe80::0:1%eth0')).toBe('[fe80::1%eth0]:51820')
  expect(world.asked).toEqual([])
})

test('a name is looked up once for all who wait, and not again so soon', async () => {
  const world = new World({ minimumInterval: 10_000 })
  world.addresses['vpn.example'] = ['2001:DB8::1', '192.0.2.1']
  const first = world.resolver.resolve({ host: 'vpn.example', port: 1 })
  const second = world.resolver.resolve({ host: 'VPN.example', port: 2 })
  await world.end()
  expect(`${await first} ${await second}`).toBe('[2001:db8::1]:1 [2001:db8::1]:2')
  world.clock.advance(9_999)
  expect(await world.resolve('vpn.example')).toBe('[2001:db8::1]:51820')
  expect(world.asked).toEqual(['vpn.example'])
  world.clock.advance(1)
  world.addresses['vpn.example'] = ['192.0.2.9']
  expect(await world.resolve('vpn.example')).toBe('192.0.2.9:51820')
  expect(world.asked).toEqual(['vpn.example', 'vpn.example'])
})

test('to ask never blocks: the caller goes on before anything is looked up', async () => {
  const world = new World()
  let answered = false
  void world.resolver.resolve({ host: 'vpn.example', port: 1 }).then(() => {
    answered = true
  })
  await world.settle()
  expect(answered).toBe(false)
  await world.end()
  expect(answered).toBe(true)
})

test('the next address follows one that does not answer, round and round', async () => {
  const world = new World()
  world.addresses['vpn.example'] = ['2001:db8::1', '192.0.2.1']
  const seen: (string | undefined)[] = []
  let failed: SocketAddress | undefined
  for (let i = 0; i < 3; i++) {
    const result = world.resolver.resolve({ host: 'vpn.example', port: 1 }, failed)
    await world.end()
    failed = await result
    seen.push(failed?.address)
  }
  expect(seen).toEqual(['2001:db8::1', '192.0.2.1', '2001:db8::1'])
})

test('what was known stays while the name cannot be resolved', async () => {
  const logged: string[] = []
  const logger = { debug() {}, info() {}, warn: (_: object, message: string) => void logged.push(message), error() {} }
  const world = new World({ logger })
  expect(await world.resolve('vpn.example')).toBeUndefined()
  world.clock.advance(10_000)
  world.addresses['vpn.example'] = ['192.0.2.1']
  expect(await world.resolve('vpn.example')).toBe('192.0.2.1:51820')
  for (const answer of [undefined, [], ['nonsense', '']]) {
    if (answer === undefined) delete world.addresses['vpn.example']
    else world.addresses['vpn.example'] = answer
    world.clock.advance(10_000)
    expect(await world.resolve('vpn.example')).toBe('192.0.2.1:51820')
  }
  expect(logged).toEqual(['endpoint not resolved', 'endpoint not resolved'])
})

test('nobody waits longer than the bound, and the late answer counts', async () => {
  const world = new World({ timeout: 15_000 })
  world.addresses['vpn.example'] = ['192.0.2.1']
  const first = world.resolver.resolve({ host: 'vpn.example', port: 1 })
  await world.settle()
  world.clock.advance(15_000)
  expect(await first).toBeUndefined()
  await world.end()
  expect(await world.resolve('vpn.example')).toBe('192.0.2.1:51820')
  expect(world.asked.length).toBe(1)
})

test('look-ups beyond the bound wait for their turn', async () => {
  const world = new World({ maximumLookups: 2 })
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) world.addresses[name] = ['192.0.2.1']
  const results = names.map((host) => world.resolver.resolve({ host, port: 1 }))
  await world.settle()
  expect(world.asked).toEqual(['a', 'b'])
  await world.end()
  expect(world.asked).toEqual(['a', 'b', 'c', 'd'])
  await world.end()
  await world.end()
  expect((await Promise.all(results)).every((result) => result?.address === '192.0.2.1')).toBe(true)
  // All places are free again.
  world.clock.advance(10_000)
  for (const host of names) void world.resolver.resolve({ host, port: 1 })
  await world.settle()
  expect(world.asked.length).toBe(7)
})

test('names beyond the bound take the place of the oldest that nobody waits for', async () => {
  const world = new World({ maximumNames: 2 })
  for (const name of ['a', 'b', 'c']) world.addresses[name] = ['192.0.2.1']
  const [a, b] = ['a', 'b'].map((host) => world.resolver.resolve({ host, port: 1 }))
  expect(await world.resolver.resolve({ host: 'c', port: 1 })).toBeUndefined()
  await world.end()
  await Promise.all([a, b])
  world.clock.advance(1000)
  await world.resolve('a')
  expect(await world.resolve('c')).toBe('192.0.2.1:51820')
  expect(world.asked).toEqual(['a', 'b', 'c'])
  // b was forgotten, a was not.
  await world.resolve('a')
  expect(world.asked).toEqual(['a', 'b', 'c'])
  await world.resolve('b')
  expect(world.asked).toEqual(['a', 'b', 'c', 'b'])
})

test('a flood of names has a rate', async () => {
  const world = new World({ maximumNames: 8 })
  for (let i = 0; i < 1000; i++) await world.resolve(`host${i}.example`)
  expect(world.asked.length).toBe(8)
  world.clock.advance(1000)
  for (let i = 0; i < 1000; i++) await world.resolve(`host${i}.example`)
  // 20 come back in a second, and no more than 8 are kept.
  expect(world.asked.length).toBe(16)
})

test('the system resolves localhost', async () => {
  const found = await new EndpointResolver().resolve({ host: 'localhost', port: 1 })
  expect(['127.0.0.1:1', '[::1]:1']).toContain(`${found}`)
})
