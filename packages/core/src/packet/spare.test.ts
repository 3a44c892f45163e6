import { expect, test } from 'vitest'
import { Spare } from './spare.ts'

test('the same object is used again, and another while it is in use', () => {
  let made = 0
  const spare = new Spare(() => ({ number: ++made }))
  const first = spare.take()
  spare.giveBack(first)
  expect(spare.take()).toBe(first)
  const inner = spare.take()
  expect(inner).not.toBe(first)
  spare.giveBack(inner)
  spare.giveBack(first)
  expect(spare.take()).toBe(first)
  expect(made).toBe(2)
})
