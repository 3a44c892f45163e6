import { describe, expect, test } from 'vitest'
import { sackOption } from '../test-support/raw-options.ts'
import { RawPeer } from '../test-support/raw-peer.ts'

const total = (segments: readonly { readonly length: number }[]): number =>
  segments.reduce((sum, { length }) => sum + length, 0)

describe('a segment that is lost', () => {
  test('is sent again after the timeout, which doubles each time', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.take()
    // A round trip of 100 ms makes a timeout of 300 at first.
    peer.write('a')
    peer.take()
    peer.wait(100).send('ACK', { seq: 1 })
    peer.write('lost')
    const start = peer.clock.now()
    const times: number[] = []
    for (let i = 0; i < 300; i++) {
      peer.wait(10)
      for (const { text } of peer.take()) {
        expect(text).toBe('lost')
        times.push(peer.clock.now() - start)
      }
    }
    // First the segment itself and a tail loss probe, then timeouts.
    const [, ...timeouts] = times
    const gaps = timeouts.slice(1).map((time, i) => time - (timeouts[i] as number))
    expect(gaps.length).toBeGreaterThanOrEqual(2)
    for (const [i, gap] of gaps.slice(1).entries()) expect(gap / (gaps[i] as number)).toBeCloseTo(2, 0)
    peer.send('ACK', { seq: 1 })
    expect(peer.wait(10_000).lines()).toEqual([])
  })

  test('ends the connection when all repetitions are in vain', () => {
    const peer = new RawPeer({ tcp: { userTimeout: 100_000 } }).establish()
    peer.write('x')
    peer.wait(99_000)
    expect(peer.state).toBe('ESTABLISHED')
    peer.wait(100_000)
    expect(peer.events.at(-1)).toBe('closed timeout')
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, memory: 0 })
  })

  test('is found by SACK and sent again before anything new, and only that one', () => {
    const peer = new RawPeer({ mss: 1000, sack: true }).establish()
    peer.take()
    peer.write(new Uint8Array(20_000))
    expect(total(peer.take())).toBe(10_000)
    peer.wait(50)
    peer.send('ACK', { seq: 1, ack: 1001, options: sackOption(peer.iss, [2001, 5001]) })
    const [first] = peer.take()
    expect([first?.seq, first?.length]).toEqual([1001, 1000])
    peer.wait(50)
    peer.send('ACK', { seq: 1, ack: 10_001 })
    expect(peer.take().every(({ seq }) => seq >= 10_001)).toBe(true)
  })

  test('by two holes at once: both are filled', () => {
    const peer = new RawPeer({ mss: 1000, sack: true }).establish()
    peer.write(new Uint8Array(10_000))
    peer.take()
    peer.wait(50)
    const blocks = sackOption(peer.iss, [4001, 10_001], [2001, 3001])
    peer.send('ACK', { seq: 1, ack: 1001, options: blocks })
    expect(peer.take().map(({ seq, length }) => [seq, length])).toEqual([
      [1001, 1000],
      [3001, 1000],
    ])
  })

  test('and lost again is found by what was sent after it and arrived', () => {
    const peer = new RawPeer({ mss: 1000, sack: true }).establish()
    peer.write(new Uint8Array(30_000))
    peer.take()
    peer.wait(50).send('ACK', { seq: 1, ack: 1, options: sackOption(peer.iss, [1001, 10_001]) })
    const [again, ...rest] = peer.take()
    expect(again?.seq).toBe(1)
    expect(rest.length).toBeGreaterThan(0)
    // What went out after the repetition arrives, the repetition does not.
    const end = Math.max(...rest.map(({ seq, length }) => seq + length))
    peer.wait(50).send('ACK', { seq: 1, ack: 1, options: sackOption(peer.iss, [1001, end]) })
    peer.wait(20)
    expect(peer.take().some(({ seq }) => seq === 1)).toBe(true)
  })

  test('at the end of the stream is probed for within two round trips, long before the timeout', () => {
    const peer = new RawPeer({ mss: 1000, sack: true }).establish()
    peer.write(new Uint8Array(2000))
    peer.take()
    peer.wait(20).send('ACK', { seq: 1 })
    peer.write(new Uint8Array(3000))
    peer.take()
    peer.wait(45)
    expect(peer.take().map(({ seq, length }) => [seq, length])).toEqual([[4001, 1000]])
    peer.wait(20).send('ACK', { seq: 1, ack: 2001, options: sackOption(peer.iss, [4001, 5001]) })
    peer.wait(10)
    expect(peer.take().map(({ seq }) => seq)).toEqual([2001, 3001])
  })

  test('is found by three duplicate ACKs of an end without SACK, and partial ACKs lead on', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.take()
    peer.write(new Uint8Array(10_000))
    peer.take()
    peer.wait(50)
    for (let i = 0; i < 2; i++) peer.send('ACK', { seq: 1, ack: 1 })
    expect(peer.lines()).toEqual([])
    peer.send('ACK', { seq: 1, ack: 1 })
    expect(peer.take().map(({ seq }) => seq)).toEqual([1])
    peer.wait(50).send('ACK', { seq: 1, ack: 5001 })
    expect(peer.take().map(({ seq }) => seq)).toEqual([5001])
  })

  test('is not seen in ACKs that carry data or move the window', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.take()
    peer.write(new Uint8Array(10_000))
    peer.take()
    for (let i = 0; i < 4; i++) peer.send('ACK', { seq: 1 + i, ack: 1, data: 'd' })
    for (let i = 0; i < 4; i++) peer.send('ACK', { seq: 5, ack: 1, window: 60_000 + 1000 * i })
    expect(peer.take().filter(({ length }) => length > 0)).toEqual([])
  })

  test('that was not lost after all gives the window back', () => {
    const peer = new RawPeer({ mss: 1000, sack: true, timestamps: true }).establish()
    peer.write(new Uint8Array(200_000))
    peer.take()
    const stamp = (): number => Math.floor(peer.clock.now())
    peer.wait(50).send('ACK', { seq: 1 })
    const before = peer.take()
    const [first] = before
    const start = first?.seq as number
    // Reordering: the first one is overtaken by four, taken for lost, and arrives.
    const mss = first?.length as number
    const options = sackOption(peer.iss, [start + mss, start + 5 * mss])
    peer.wait(50).send('ACK', { seq: 1, ack: start, options, timestamp: stamp() })
    const lost = peer.take()
    expect(lost[0]?.seq).toBe(start)
    peer.send('ACK', { seq: 1, ack: start + 10 * mss, echo: first?.timestamp as number })
    const after = total(peer.take())
    // Ten segments have left the network; a window cut by 0.7 would have let out less than they were.
    expect(after).toBeGreaterThanOrEqual(10 * mss)
  })
})
