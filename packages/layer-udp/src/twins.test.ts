import { loadNative } from '@millrace/native'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UdpEnd, until } from './test-support/udp-end.ts'

describe.skipIf(loadNative().system === undefined)('the two kinds of socket (needs Linux, koffi)', () => {
  test.each([
    { send: true, receive: true },
    { send: true, receive: false },
    { send: false, receive: true },
    { send: false, receive: false },
  ])('do the same with the same script, whichever end is which, with offload %j', async (offload) => {
    const ends = [await UdpEnd.open({ native: true, offload }), await UdpEnd.open({ native: false })] as const
    ends[0].superPackets?.enable()
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
            const datagrams: string[] = []
            await until(() => {
              for (const { bytes, remote, segmentSize: step } of receiver.arrivals.splice(0)) {
                const known = remote.port === sender.wire.port ? remote.address : 'somebody else'
                const whole = bytes.every((byte) => byte === fill)
                for (let at = 0; at === 0 || at < bytes.length; at += step === 0 ? bytes.length || 1 : step) {
                  const length = Math.min(bytes.length - at, step === 0 ? bytes.length : step)
                  datagrams.push(`${from} ${known} ${length} ${whole}`)
                }
              }
              return datagrams.length >= count
            })
            seen.push(...datagrams)
          }
          results.push(seen)
        }
        expect(results[0]).toEqual(results[1])
        expect(results[0]?.every((line) => line.endsWith('true'))).toBe(true)
      }),
      { numRuns: 30 },
    )
    for (const end of ends) await end.stop()
  })
})
