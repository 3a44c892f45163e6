import { VirtualClock } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES, WireWatch } from './long-simulation-watch.ts'

const SECOND = 1000

/** A begins a session at 0, under index 1; B answers, under index 2. */
function watched(isConfirmed = true) {
  const clock = new VirtualClock()
  const watch = new WireWatch()
  const [a, b] = [
    { name: 'a', clock },
    { name: 'b', clock },
  ]
  const message = (length: number, ...words: readonly number[]): Uint8Array => {
    const bytes = Buffer.alloc(length)
    words.forEach((word, i) => void bytes.writeUInt32LE(word, i * 4))
    return bytes
  }
  const initiation = (index: number, from = a) => watch.see(from, from === a ? b : a, message(148, 1, index))
  const response = (index: number, to: number, from = b) =>
    watch.see(from, from === a ? b : a, message(92, 2, index, to))
  const data = (index: number, counter: bigint, from = a) => {
    const bytes = Buffer.from(message(32, 4, index))
    bytes.writeBigUInt64LE(counter, 8)
    watch.see(from, from === a ? b : a, bytes)
  }
  initiation(1)
  response(2, 1)
  if (isConfirmed) data(2, 0n)
  return { clock, watch, a, b, initiation, response, data }
}

describe('who watches the wire', () => {
  test('has nothing to say of what the protocol allows', () => {
    const { clock, watch, a, b, initiation, response, data } = watched()
    data(1, 0n, b)
    data(2, 1n)
    data(2, 5n)
    clock.advance(120 * SECOND)
    data(2, 2n ** 53n)
    clock.advance(SECOND)
    initiation(3)
    data(2, 2n ** 53n + 1n)
    response(4, 3)
    data(4, REKEY_AFTER_MESSAGES)
    data(4, REJECT_AFTER_MESSAGES - 1n)
    clock.advance(59 * SECOND - 1)
    data(1, 1n, b)
    watch.begunAnew(a)
    initiation(5)
    expect(watch.violations).toEqual([])
  })

  test.each<[string, RegExp, (the: ReturnType<typeof watched>) => void]>([
    ['a counter again', /^a USES A NONCE AGAIN: 0 after 0$/, ({ data }) => data(2, 0n)],
    [
      'a lower counter',
      /^a USES A NONCE AGAIN: 4 after 5$/,
      ({ data }) => {
        data(2, 5n)
        data(2, 4n)
      },
    ],
    [
      'the last counter and one',
      /^a sends counter 18446744073709543423$/,
      ({ initiation, clock, data }) => {
        clock.advance(6 * SECOND)
        initiation(3)
        data(2, REJECT_AFTER_MESSAGES)
      },
    ],
    [
      'a session of 180 s',
      /^b sends with a session of 180000 ms$/,
      ({ clock, b, data }) => {
        clock.advance(180 * SECOND)
        data(1, 0n, b)
      },
    ],
    [
      'a session that is due to be renewed',
      /^a does not renew a session of 120001 ms/,
      ({ clock, data }) => {
        clock.advance(120 * SECOND + 1)
        data(2, 1n)
      },
    ],
    [
      'counters that are due to be renewed',
      /^b does not renew .* at counter 1152921504606846976$/,
      ({ clock, b, data }) => {
        clock.advance(6 * SECOND)
        data(1, REKEY_AFTER_MESSAGES, b)
      },
    ],
    [
      'a session of before',
      /^a sends with a session that is none, or is over$/,
      ({ watch, a, data }) => {
        watch.begunAnew(a)
        data(2, 1n)
      },
    ],
    [
      'initiations in haste',
      /^a begins a handshake 4999 ms after/,
      ({ clock, initiation }) => {
        clock.advance(5 * SECOND - 1)
        initiation(3)
      },
    ],
    [
      'an index again',
      /^a hands out index 1 again$/,
      ({ clock, initiation }) => {
        clock.advance(5 * SECOND)
        initiation(1)
      },
    ],
    ['an answer again', /^b answers an initiation again$/, ({ response }) => response(3, 1)],
    ['an answer to nothing', /^b answers an initiation that nobody sent$/, ({ response }) => response(3, 7)],
    [
      'what is none of the messages',
      /^a sends a message of type 9$/,
      ({ watch, a, b }) => watch.see(a, b, Buffer.from([9, 0, 0, 0])),
    ],
  ])('tells of %s', (_what, violation, happens) => {
    const the = watched()
    happens(the)
    expect(the.watch.violations).toEqual([expect.stringMatching(violation)])
  })

  test('tells of a responder that sends before it has been sent to', () => {
    const { watch, b, data } = watched(false)
    data(1, 0n, b)
    expect(watch.violations).toEqual(['b sends with a session that nothing has confirmed'])
  })

  test('counts a limit as reached only where the counter came to it by one', () => {
    const { watch, data } = watched()
    for (const counter of [2n ** 32n - 1n, 2n ** 32n, 2n ** 53n]) data(2, counter)
    expect([watch.reached.get(2n ** 32n), watch.reached.get(2n ** 53n)]).toEqual([1, 0])
  })
})
