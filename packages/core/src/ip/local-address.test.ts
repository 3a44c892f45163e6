import { expect, test } from 'vitest'
import { LocalAddress } from './local-address.ts'

test('a local address is of use until it is refused, and never again', () => {
  const local = new LocalAddress(6, 'fe80::1', 3)
  expect([local.family, local.address, local.interfaceIndex, String(local)]).toEqual([6, 'fe80::1', 3, 'fe80::1%3'])
  expect(local.usable).toBe(true)
  local.refuse()
  local.refuse()
  expect(local.usable).toBe(false)
  expect(new LocalAddress(6, 'fe80::1', 3).usable).toBe(true)
})
