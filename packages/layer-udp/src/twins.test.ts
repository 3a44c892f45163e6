import { loadNative } from '@millrace/native'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UdpEnd } from './test-support/udp-end.ts'

describe.skipIf(loadNative().system === undefined)('the two kinds of socket (needs Linux, koffi)', () => {
  test('do the same with the same script, whichever end is which', async () => {
    const ends = [await UdpEnd.open({ native: true }), await UdpEnd.open({ native: false })] as const
    const datagram = fc.record({
      from: fc.constantFrom(0, 1),
      family: fc.constantFrom('127.0.0.1', '127.0.0.9', '::1'),
      size: fc.oneof(fc.nat(3000), fc.nat(65_507)),
      segmentSize: fc.oneof(fc.constant(0), fc.integer({ min: 1000, max: 60_000 })),
      fill: fc.nat(255),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(datagram, { minLength: 1, maxLength: 5 }), async (script) => {
        const results = []
        for (const turned of [0, 1]) {
          const seen: string[] = []
          for (const { from, family, size, segmentSize, fill } of script) {
            const [sender, receiver] = [ends[from ^ turned] as UdpEnd, ends[1 - (from ^ turned)] as UdpEnd]
            const count = segmentSize === 0 || size === 0 ? 1 : Math.ceil(size / segmentSize)
            sender.send(receiver.address(family), new Uint8Array(size).fill(fill), undefined, segmentSize)
            const arrivals = await receiver.take(count)
            for (const { bytes, remote } of arrivals) {
              const known = remote.port === sender.wire.port ? remote.address : 'somebody else'
              seen.push(`${from} ${known} ${bytes.length} ${bytes.every((byte) => byte === fill)}`)
            }
          }
          results.push(seen)
        }
        expect(results[0]).toEqual(results[1])
        expect(results[0]?.every((line) => line.endsWith('true'))).toBe(true)
      }),
      { numRuns: 60 },
    )
    for (const end of ends) await end.stop()
  })
})
