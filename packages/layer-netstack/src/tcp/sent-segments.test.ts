import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SentSegments } from './sent-segments.ts'

interface SlowSegment {
  start: number
  end: number
  sacked: boolean
  lost: boolean
}

const step = fc.record({
  kind: fc.constantFrom('push', 'push', 'push', 'shift', 'trim', 'sack', 'lose', 'repeat', 'unlose', 'forget'),
  which: fc.nat(1000),
  size: fc.integer({ min: 2, max: 1400 }),
})

describe('the record of what was sent', () => {
  test('counts what is under way as a plain list would', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (script) => {
        let list: SlowSegment[] = []
        const sent = new SentSegments()
        let end = 2 ** 31 - 20_000
        sent.begin(end)
        for (const { kind, which, size } of script) {
          const at = list.length === 0 ? -1 : which % list.length
          const segment = list[at]
          const first = list[0]
          if (kind === 'push') {
            list.push({ start: end, end: end + size, sacked: false, lost: false })
            end += size
            sent.push(end | 0, 1)
          } else if (segment === undefined || first === undefined) continue
          else if (kind === 'shift') {
            list = list.slice(1)
            sent.shift()
          } else if (kind === 'trim' && first.end - first.start > 1) {
            first.start++
            sent.trim(first.start | 0)
          } else if (kind === 'sack') {
            segment.sacked = true
            segment.lost = false
            sent.markSacked(at)
          } else if (kind === 'lose') {
            if (!segment.sacked) segment.lost = true
            sent.markLost(at)
          } else if (kind === 'repeat' && segment.lost) {
            segment.lost = false
            sent.markRetransmitted(at, 2)
          } else if (kind === 'unlose') {
            segment.lost = false
            sent.unmarkLost(at)
          } else if (kind === 'forget') {
            for (const each of list) each.sacked = false
            sent.unmarkSacked()
          }
          const underWay = list.filter(({ sacked, lost }) => !sacked && !lost)
          expect(sent.inFlight).toBe(underWay.reduce((sum, { start, end }) => sum + end - start, 0))
          expect([sent.count, sent.lost, sent.sacked]).toEqual([
            list.length,
            list.filter(({ lost }) => lost).length,
            list.filter(({ sacked }) => sacked).length,
          ])
          for (const [i, { start, end }] of list.entries()) {
            expect([sent.startOf(i), sent.endOf(i)]).toEqual([start | 0, end | 0])
            expect(sent.search(start | 0)).toBe(i)
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})
