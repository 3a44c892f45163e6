import { makeFallback } from '@millrace/core'
import { OPENSSL } from '@millrace/native'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aeads } from '../crypto/crypto.ts'
import { nobleCrypto } from '../crypto/noble.ts'
import type { Aead } from '../crypto/provider.ts'
import { NOT_AUTHENTIC } from '../proto/messages.ts'
import {
  ENTRY_COUNTER_HIGH,
  ENTRY_COUNTER_LOW,
  ENTRY_INDEX,
  ENTRY_KEY,
  ENTRY_KIND,
  ENTRY_LENGTH,
  ENTRY_OFFSET,
  ENTRY_STRIDE,
  entryAt,
  JobRing,
  KIND_FAILED,
  KIND_OPEN,
  KIND_SEAL,
  ringMemory,
} from './job-ring.ts'
import { Performer } from './performer.ts'

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i + 1)
const AT = 128
const HEADER = 16
const TAG = 16
const natives = [...aeads(makeFallback(OPENSSL))].filter(({ cipher }) => cipher !== undefined)

/** A ring with one job of one entry. */
function jobOf(fields: ReadonlyMap<number, number>): JobRing {
  const ring = new JobRing(ringMemory())
  for (const [field, value] of fields) ring.words[entryAt(0) + field] = value
  ring.prepare(0, 0, 1)
  ring.publish(1)
  return ring
}

function perform({ aead, cipher }: Aead, memory: Uint8Array, fields: [number, number][]): JobRing {
  const key = aead(KEY)
  const address = key.address as number
  const ring = jobOf(new Map([...fields, [ENTRY_KEY, address], [ENTRY_KEY + 1, address / 2 ** 32]]))
  new Performer(ring, memory, cipher as NonNullable<Aead['cipher']>).perform(ring.claim())
  key.wipe()
  return ring
}

describe.skipIf(natives.length === 0)('a performer (needs koffi)', () => {
  // Contents of equal size, a multiple of 16 or not, but for the last, which may be shorter; and where counting begins.
  const trains = fc
    .tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 6 }), fc.nat(200))
    .map(([size, count, last]) => ({ size, count, last: count === 1 ? size : Math.min(last, size) }))
  const counters = fc.constantFrom([0, 0], [0, 0xffff_fffe], [7, 0xffff_ffff], [0x8000_0000, 5])

  test.each(natives.map((aead) => [aead.name, aead] as const))(
    'of %s seals a train into what each message would be by itself, and opens it again',
    (_name, aead) => {
      fc.assert(
        fc.property(trains, counters, fc.nat(5), ({ size, count, last }, [high = 0, low = 0], forged) => {
          const memory = new Uint8Array(new ArrayBuffer(4096))
          const stride = HEADER + size + TAG
          const length = stride * (count - 1) + HEADER + last + TAG
          const contents = Array.from({ length: count }, (_, i) =>
            Uint8Array.from({ length: i === count - 1 ? last : size }, (_, n) => (i * 31 + n * 7 + 1) & 0xff),
          )
          for (const [i, content] of contents.entries()) memory.set(content, AT + i * stride + HEADER)
          const place: [number, number][] = [
            [ENTRY_OFFSET, AT],
            [ENTRY_LENGTH, length],
            [ENTRY_STRIDE, stride],
          ]
          const nonce: [number, number][] = [
            [ENTRY_COUNTER_HIGH, high],
            [ENTRY_COUNTER_LOW, low],
            [ENTRY_INDEX, 0xfedc_ba98],
          ]
          perform(aead, memory, [[ENTRY_KIND, KIND_SEAL], ...place, ...nonce])
          for (const [i, content] of contents.entries()) {
            const counter = (BigInt(high) << 32n) + BigInt(low) + BigInt(i)
            const want = new Uint8Array(HEADER + content.length + TAG)
            const view = new DataView(want.buffer)
            view.setUint32(0, 4, true)
            view.setUint32(4, 0xfedc_ba98, true)
            view.setBigUint64(8, counter, true)
            const sealed = new Uint8Array(64 + content.length + TAG)
            sealed.set(content, 64)
            const [counterHigh, counterLow] = [Number(counter >> 32n), Number(counter & 0xffff_ffffn)]
            nobleCrypto.aead(KEY).seal(counterHigh, counterLow, sealed, 64, content.length)
            want.set(sealed.subarray(64), HEADER)
            expect(memory.slice(AT + i * stride, AT + i * stride + want.length)).toEqual(want)
          }
          const bad = forged % count
          const at = AT + bad * stride + HEADER
          memory[at] = (memory[at] as number) ^ 0x10
          perform(aead, memory, [[ENTRY_KIND, KIND_OPEN], ...place])
          for (const [i, content] of contents.entries()) {
            const message = AT + i * stride
            expect(memory[message]).toBe(i === bad ? NOT_AUTHENTIC : 4)
            if (i !== bad) expect(memory.slice(message + HEADER, message + HEADER + content.length)).toEqual(content)
          }
        }),
        { numRuns: 200 },
      )
    },
  )

  test.each(natives.map((aead) => [aead.name, aead] as const))(
    'of %s marks what lies outside of the memory as failed',
    (_name, aead) => {
      const memory = new Uint8Array(new ArrayBuffer(256))
      const fields: [number, number][] = [
        [ENTRY_KIND, KIND_SEAL],
        [ENTRY_OFFSET, 250],
        [ENTRY_LENGTH, 100],
        [ENTRY_STRIDE, 100],
      ]
      expect(perform(aead, memory, fields).words[entryAt(0) + ENTRY_KIND]).toBe(KIND_FAILED)
      expect(memory.every((byte) => byte === 0)).toBe(true)
    },
  )
})
