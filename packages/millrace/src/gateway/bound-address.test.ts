import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { canBind, sourceAddress } from './bound-address.ts'

test('sockets can be bound to what an interface holds, and to nothing else', async () => {
  expect(await canBind('127.0.0.1')).toBe(true)
  expect(await canBind('192.0.2.77')).toBe(false)
  expect(await canBind('2001:db8::77')).toBe(false)
})

test('the address to go out from is one of this host, if there is any', async () => {
  const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
  for (const family of [4, 6] as const) expect([undefined, ...own]).toContain(await sourceAddress(family))
})
