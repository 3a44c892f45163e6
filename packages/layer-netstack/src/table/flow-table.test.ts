import { SeededRandom } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { Flow, FlowTable } from './flow-table.ts'
import { PeerNumbers } from './peer-numbers.ts'

const key = (number: number): Int32Array => Int32Array.of(number, 0)
const make = (capacity: number): FlowTable<Flow> =>
  new FlowTable({ capacity, words: 2, random: new SeededRandom(1), now: 0 }, (index, words) => new Flow(index, words))

test('a handle that is too old finds nothing, whoever has its place now', () => {
  const table = make(1)
  const handles = new Set<number>()
  for (let i = 0; i < 1000; i++) {
    const flow = table.open(key(i), 1000, undefined)!
    const { handle } = flow
    expect(table.open(key(-1), 1000, undefined)).toBe(undefined)
    expect([table.find(key(i)), table.of(handle), table.size]).toEqual([flow, flow, 1])
    for (const old of handles) if (table.of(old) !== undefined) throw new Error(`handle ${old} is good for ever`)
    handles.add(handle)
    table.close(flow)
    expect([table.find(key(i)), table.of(handle), table.size]).toEqual([undefined, undefined, 0])
  }
  expect(handles.size).toBe(1000)
  for (const none of [-1, 2 ** 31 - 1, 1.5]) expect(table.of(none)).toBe(undefined)
})

test('a flow is due when its deadline has come, however often that was put off, and each once', () => {
  const table = make(8)
  const flows = [100, 20_000, 300_000].map((at, i) => table.open(key(i), at, undefined)!)
  const seen: number[] = []
  for (let now = 0; now <= 400_000; now += 50) {
    if (now === 50) flows[0]!.deadline = 10_000
    for (let flow = table.due(now); flow !== undefined; flow = table.due(now)) {
      seen.push(now)
      table.close(flow)
    }
  }
  expect(seen).toEqual([10_000, 20_000, 300_000])
  expect(table.deadline).toBe(Number.POSITIVE_INFINITY)
})

test('each peer has a number of its own, and no peer is 0', () => {
  const numbers = new PeerNumbers()
  const peers = Array.from({ length: 100 }, (_, i) => ({ name: `${i}` }))
  const given = peers.map((peer) => numbers.of(peer))
  expect(new Set([0, ...given]).size).toBe(101)
  expect([numbers.of(undefined), numbers.of(peers[7])]).toEqual([0, given[7]])
})
