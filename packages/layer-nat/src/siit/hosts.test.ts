import { parseAddress } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Hosts } from './hosts.ts'

const IDLE = 1024

function viewOf(text: string): DataView {
  return new DataView(parseAddress(text).bytes.buffer)
}

describe('numbers of hosts', () => {
  test('an address has one number, and a number one address', () => {
    const hosts = new Hosts(8, new SeededRandom(1))
    const a = hosts.read(viewOf('fd00::a'), 0)
    const b = hosts.read(viewOf('fd00:0:0:1::a'), 0)
    expect(a).not.toBe(b)
    expect(hosts.read(viewOf('fd00::a'), 0)).toBe(a)
    expect(hosts.find(viewOf('fd00::b'), 0)).toBe(0)
    expect(hosts.known.read(viewOf('fd00::b'), 0)).toBe(0)
    expect([hosts.nameOf(a), hosts.nameOf(b), hosts.nameOf(5)]).toEqual(['fd00::a', 'fd00:0:0:1::a', '?'])
  })

  test('who is held stays, whoever comes; who is not gives way to others, the one longest unused first', () => {
    const hosts = new Hosts(2, new SeededRandom(1))
    const held = hosts.read(viewOf('fd00::a'), 0)
    hosts.hold(held)
    hosts.hold(held)
    const early = hosts.read(viewOf('fd00::b'), 0)
    const used = hosts.read(viewOf('fd00::c'), 0)
    for (let i = 1; i < IDLE; i++) {
      hosts.read(viewOf(`fd00:1::${i.toString(16)}`), 0)
      hosts.read(viewOf('fd00::c'), 0)
    }
    expect([early, used].map((number) => hosts.nameOf(number))).toEqual(['fd00::b', 'fd00::c'])
    hosts.read(viewOf('fd00:2::1'), 0)
    expect([held, early, used].map((number) => hosts.nameOf(number))).toEqual(['fd00::a', '?', 'fd00::c'])
    hosts.read(viewOf('fd00:2::2'), 0)
    expect(hosts.nameOf(used)).toBe('fd00::c')
    hosts.release(held)
    expect(hosts.nameOf(held)).toBe('fd00::a')
    hosts.release(held)
    for (let i = 0; i < IDLE + 2; i++) hosts.read(viewOf(`fd00:3::${i.toString(16)}`), 0)
    expect(hosts.nameOf(held)).toBe('?')
  })

  test('a number to be avoided is given to nobody', () => {
    const first = new Hosts(8, new SeededRandom(1)).read(viewOf('fd00::a'), 0)
    const hosts = new Hosts(8, new SeededRandom(1), new Set([first]))
    const number = hosts.read(viewOf('fd00::a'), 0)
    expect(number).not.toBe(first)
    expect(hosts.nameOf(number)).toBe('fd00::a')
  })

  test('whatever happens, numbers and addresses that are held keep together', () => {
    const act = fc.record({ what: fc.constantFrom('read', 'read', 'hold', 'release'), who: fc.nat(2100) })
    fc.assert(
      fc.property(fc.array(act, { maxLength: 4000, size: 'max' }), (acts) => {
        const hosts = new Hosts(16, new SeededRandom(3))
        const held = new Map<string, { number: number; holders: number }>()
        for (const { what, who } of acts) {
          const name = `fd00::${(who + 1).toString(16)}`
          const own = held.get(name)
          if (what === 'read') {
            const number = hosts.read(viewOf(name), 0)
            if (own !== undefined) expect(number).toBe(own.number)
            expect(hosts.nameOf(number)).toBe(name)
          } else if (what === 'hold' && (own !== undefined || held.size < 16)) {
            const number = hosts.read(viewOf(name), 0)
            hosts.hold(number)
            held.set(name, { number, holders: (own?.holders ?? 0) + 1 })
          } else if (what === 'release' && own !== undefined) {
            hosts.release(own.number)
            if (--own.holders === 0) held.delete(name)
          }
        }
        for (const [name, { number }] of held) expect(hosts.nameOf(number)).toBe(name)
      }),
      { numRuns: 5 },
    )
  })
})
