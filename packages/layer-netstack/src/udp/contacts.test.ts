import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Contacts } from './contacts.ts'

test('contacts are what a list would be whose longest unused entry makes room', () => {
  const action = fc.record({
    what: fc.constantFrom('note', 'note', 'note', 'forget', 'clear'),
    address: fc.nat(3),
    port: fc.integer({ min: 1, max: 4 }),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), fc.integer({ min: 1, max: 9 }), (actions, limit) => {
      const contacts = new Contacts(limit)
      // The slow twin: the least recently used in front.
      let list: string[] = []
      actions.forEach(({ what, address, port }, now) => {
        const key = Int32Array.of(0, 0, 0xffff, address)
        const end = `${address}:${port}`
        const rest = what === 'clear' && port > 1 ? list : list.filter((one) => one !== end)
        if (what === 'note') {
          expect(contacts.note(key, port, now)).toBe(!list.includes(end))
          list = [...rest, end].slice(-limit)
        } else if (what === 'forget') {
          contacts.forget(key, port)
          list = rest
        } else if (port === 1) {
          contacts.clear()
          list = []
        }
        for (let a = 0; a < 4; a++) {
          const other = Int32Array.of(0, 0, 0xffff, a)
          for (let p = 1; p < 5; p++) expect(contacts.has(other, p)).toBe(list.includes(`${a}:${p}`))
          expect(contacts.has(other, -1)).toBe(list.some((one) => one.startsWith(`${a}:`)))
        }
      })
    }),
    { numRuns: 60 },
  )
})

test('who is forgotten leaves the others as old as they were', () => {
  const contacts = new Contacts(3)
  const key = Int32Array.of(0, 0, 0xffff, 1)
  for (const port of [1, 2, 3]) contacts.note(key, port, port)
  contacts.forget(key, 1)
  for (const port of [4, 5]) contacts.note(key, port, port)
  expect([2, 3, 4, 5].map((port) => contacts.has(key, port))).toEqual([false, true, true, true])
})
