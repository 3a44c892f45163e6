import { LocalAddress } from '@millrace/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeLocal } from './addresses.ts'
import { Received, writeSegment, writeSource, writeTrafficClass } from './control.ts'

const SOL_UDP = 17
const UDP_GRO = 104
const IN = 64

/** A struct cmsghdr as <sys/socket.h> has it, and data behind it. */
function message(level: number, type: number, data: readonly number[], length = 16 + data.length): Uint8Array {
  const bytes = new Uint8Array(16 + ((data.length + 7) & ~7))
  new DataView(bytes.buffer).setUint32(0, length, true)
  bytes.set([level, 0, 0, 0, type, 0, 0, 0], 8)
  bytes.set(data, 16)
  return bytes
}

function read(...messages: Uint8Array[]): Received {
  const received = new Received()
  const bytes = new Uint8Array(Buffer.concat([new Uint8Array(IN), ...messages]))
  received.read(new DataView(bytes.buffer), IN, bytes.length)
  return received
}

describe('control messages that come in', () => {
  const gro = message(SOL_UDP, UDP_GRO, [0xac, 0x05, 0, 0])

  test('what was written is read, one behind the other', () => {
    const view = new DataView(new ArrayBuffer(256))
    for (const text of ['192.0.2.7', '2001:db8::7']) {
      const family = text.includes(':') ? 6 : 4
      const end = writeSource(
        view,
        writeTrafficClass(view, IN, family, 0xb9),
        encodeLocal(new LocalAddress(family, text, 3)),
      )
      const received = new Received()
      received.read(view, IN, end)
      expect(received.trafficClass).toBe(0xb9)
      const size = family === 4 ? 1 : 4
      // An IPv4 source is written as ipi_spec_dst, which is read as where a datagram came in.
      expect([...received.local.subarray(0, size)]).toEqual([
        ...encodeLocal(new LocalAddress(family, text, 0)).words.subarray(0, size),
      ])
    }
    expect(writeSegment(view, IN, 1452) - IN).toBe(24)
    expect([view.getUint32(IN, true), view.getUint32(IN + 8, true), view.getUint32(IN + 12, true)]).toEqual([
      18, 17, 103,
    ])
    expect(view.getUint16(IN + 16, true)).toBe(1452)
  })

  test('the size of the datagrams of a train', () => {
    expect(read(gro).segmentSize).toBe(1452)
    expect(read(message(99, 99, [1, 2, 3]), gro).segmentSize).toBe(1452)
    expect(read().segmentSize).toBe(0)
  })

  test.each([
    ['negative', message(SOL_UDP, UDP_GRO, [0, 0, 0, 0x80])],
    ['too short', message(SOL_UDP, UDP_GRO, [0xac, 0x05])],
    ['longer than all', message(SOL_UDP, UDP_GRO, [0xac, 0x05, 0, 0], 0xffff_fff0)],
    ['without an end', message(SOL_UDP, UDP_GRO, [0xac, 0x05, 0, 0], 0)],
  ])('one that is %s counts as none', (_name, bytes) => {
    expect(read(bytes).segmentSize).toBe(0)
  })

  test('whatever the bytes, it ends, throws nothing and says only what can be', () => {
    const some = fc.oneof(
      fc.uint8Array({ maxLength: 128 }),
      fc
        .tuple(fc.constantFrom(0, 17, 41), fc.constantFrom(1, 8, 50, 67, 104), fc.array(fc.nat(255), { maxLength: 24 }))
        .chain(([level, type, data]) => fc.nat(60).map((length) => message(level, type, data, length))),
    )
    fc.assert(
      fc.property(fc.array(some, { maxLength: 4 }), (messages) => {
        const { segmentSize, trafficClass } = read(...messages)
        return segmentSize >= 0 && trafficClass >= 0 && trafficClass <= 255
      }),
    )
  })
})
