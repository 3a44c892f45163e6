import { formatPrefix, type Prefix, parseAddress, parsePrefix, prefixContains } from '@millrace/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PrefixTable } from './prefix-table.ts'

/** The definition: of all prefixes that contain the address, the longest. */
class SlowTable {
  readonly #entries = new Map<string, { prefix: Prefix; value: string }>()

  insert(prefix: Prefix, value: string): void {
    const key = formatPrefix(prefix)
    this.#entries.delete(key)
    this.#entries.set(key, { prefix, value })
  }

  remove(prefix: Prefix, value: string): boolean {
    const key = formatPrefix(prefix)
    return this.#entries.get(key)?.value === value && this.#entries.delete(key)
  }

  removeAll(value: string): void {
    for (const [key, entry] of this.#entries) if (entry.value === value) this.#entries.delete(key)
  }

  lookup(family: 4 | 6, address: Uint8Array): string | undefined {
    let best: { prefix: Prefix; value: string } | undefined
    for (const entry of this.#entries.values()) {
      if (entry.prefix.family !== family || !prefixContains(entry.prefix, address, 0)) continue
      if (best === undefined || entry.prefix.length > best.prefix.length) best = entry
    }
    return best?.value
  }

  prefixesOf(value: string): string[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.value === value)
      .map(({ prefix }) => formatPrefix(prefix))
  }
}

function lookup(table: PrefixTable<string>, text: string): string | undefined {
  const { family, bytes } = parseAddress(text)
  // Not at the beginning of its memory, as in a packet.
  const memory = Buffer.concat([Buffer.alloc(7, 0xff), bytes, Buffer.alloc(7, 0xff)])
  return table.lookup(family, new DataView(memory.buffer, memory.byteOffset, memory.length), 7)
}

function tableOf(entries: Readonly<Record<string, string>>): PrefixTable<string> {
  const table = new PrefixTable<string>()
  for (const [prefix, value] of Object.entries(entries)) table.insert(parsePrefix(prefix), value)
  return table
}

describe('the longest prefix wins', () => {
  const table = tableOf({
    '0.0.0.0/0': 'default',
    '10.0.0.0/8': 'eight',
    '10.1.0.0/16': 'sixteen',
    '10.1.2.0/24': 'twenty-four',
    '10.1.2.3/32': 'one',
    '10.1.2.128/25': 'half',
    '128.0.0.0/1': 'upper half',
    '2001:db8::/32': 'documentation',
    '2001:db8:0:1::/64': 'a network',
    '2001:db8:0:1::7/128': 'one of it',
    '8000::/1': 'upper half of IPv6',
  })
  test.each([
    ['0.0.0.0', 'default'],
    ['127.255.255.255', 'default'],
    ['9.255.255.255', 'default'],
    ['10.0.0.0', 'eight'],
    ['10.255.255.255', 'eight'],
    ['10.1.255.1', 'sixteen'],
    ['10.1.2.2', 'twenty-four'],
    ['10.1.2.3', 'one'],
    ['10.1.2.4', 'twenty-four'],
    ['10.1.2.127', 'twenty-four'],
    ['10.1.2.128', 'half'],
    ['255.255.255.255', 'upper half'],
    ['2001:db8::1', 'documentation'],
    ['2001:db8:0:1::6', 'a network'],
    ['2001:db8:0:1::7', 'one of it'],
    ['2001:db8:0:2::7', 'documentation'],
    ['2001:db9::', undefined],
    ['::', undefined],
    ['ffff::', 'upper half of IPv6'],
  ])('%s: %s', (address, value) => expect(lookup(table, address)).toBe(value))
})

test('the families do not mix: the IPv4 default route is none for IPv6', () => {
  expect(lookup(tableOf({ '0.0.0.0/0': 'four' }), '::')).toBeUndefined()
  expect(lookup(tableOf({ '::/0': 'six' }), '0.0.0.0')).toBeUndefined()
  expect(lookup(tableOf({ '::/0': 'six' }), '1234::')).toBe('six')
})

test('bits behind the prefix length do not count', () => {
  const table = tableOf({ '10.1.2.3/8': 'eight' })
  expect(lookup(table, '10.9.9.9')).toBe('eight')
  expect(table.prefixesOf('eight').map(formatPrefix)).toEqual(['10.0.0.0/8'])
})

test('a prefix that another has moves', () => {
  const table = tableOf({ '10.0.0.0/8': 'a', '10.1.0.0/16': 'a' })
  table.insert(parsePrefix('10.0.0.0/8'), 'b')
  expect([lookup(table, '10.0.0.1'), lookup(table, '10.1.0.1')]).toEqual(['b', 'a'])
  expect([table.prefixesOf('a'), table.prefixesOf('b')].map((of) => of.map(formatPrefix))).toEqual([
    ['10.1.0.0/16'],
    ['10.0.0.0/8'],
  ])
})

test('a prefix is only removed for the one that has it, and what contains it takes its place', () => {
  const table = tableOf({ '10.0.0.0/8': 'a', '10.1.0.0/16': 'b', '10.1.1.0/24': 'c' })
  expect(table.remove(parsePrefix('10.1.0.0/16'), 'a')).toBe(false)
  expect(table.remove(parsePrefix('10.1.0.0/15'), 'b')).toBe(false)
  expect(table.remove(parsePrefix('10.1.0.0/16'), 'b')).toBe(true)
  expect(table.remove(parsePrefix('10.1.0.0/16'), 'b')).toBe(false)
  expect([lookup(table, '10.1.0.1'), lookup(table, '10.1.1.1')]).toEqual(['a', 'c'])
  table.removeAll('a')
  expect([lookup(table, '10.1.0.1'), lookup(table, '10.1.1.1')]).toEqual([undefined, 'c'])
  expect(table.prefixesOf('a')).toEqual([])
})

describe('any sequence of insertions, moves and removals', () => {
  // Addresses from few bits, so that prefixes nest and collide.
  const address = (family: 4 | 6): fc.Arbitrary<Uint8Array> => {
    const length = family === 4 ? 4 : 16
    const near = fc.array(fc.constantFrom(0, 1, 0x80, 0xff), { minLength: length, maxLength: length })
    const any = fc.array(fc.nat(255), { minLength: length, maxLength: length })
    return fc
      .oneof({ weight: 4, arbitrary: near }, { weight: 1, arbitrary: any })
      .map((bytes) => Uint8Array.from(bytes))
  }
  const step = (family: 4 | 6): fc.Arbitrary<readonly [string, Prefix, string]> =>
    fc
      .tuple(
        fc.constantFrom('insert', 'insert', 'insert', 'insert', 'remove', 'removeAll'),
        address(family),
        fc.nat(family === 4 ? 32 : 128),
        fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      )
      .map(([what, bytes, length, value]) => [what, masked({ family, bytes, length }), value] as const)

  test.each([4, 6] as const)('IPv%i: is the definition', (family) => {
    fc.assert(
      fc.property(
        fc.array(step(family), { minLength: 1, maxLength: 300, size: 'max' }),
        fc.array(address(family), { minLength: 30, maxLength: 30 }),
        (steps, probes) => {
          const [table, slow] = [new PrefixTable<string>(), new SlowTable()]
          const inserted: Prefix[] = []
          for (const [what, prefix, value] of steps) {
            // A removal of what is there, mostly.
            const target = inserted[(prefix.length * 7) % Math.max(inserted.length, 1)] ?? prefix
            if (what === 'insert') {
              table.insert(prefix, value)
              slow.insert(prefix, value)
              inserted.push(prefix)
            } else if (what === 'remove') {
              expect(table.remove(target, value)).toBe(slow.remove(target, value))
            } else {
              table.removeAll(value)
              slow.removeAll(value)
            }
          }
          for (const bytes of [...probes, ...inserted.map((prefix) => prefix.bytes)]) {
            const found = table.lookup(family, new DataView(bytes.buffer, bytes.byteOffset), 0)
            expect(found).toBe(slow.lookup(family, bytes))
          }
          for (const value of 'abcdefgh') {
            expect(table.prefixesOf(value).map(formatPrefix)).toEqual(slow.prefixesOf(value))
          }
        },
      ),
      { numRuns: 40 },
    )
  })
})

function masked({ family, bytes, length }: Prefix): Prefix {
  const copy = bytes.slice()
  for (let bit = length; bit < copy.length * 8; bit++)
    copy[bit >> 3] = (copy[bit >> 3] as number) & ~(0x80 >> (bit & 7))
  return { family, bytes: copy, length }
}
