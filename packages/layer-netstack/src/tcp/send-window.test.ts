import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

const total = (segments: readonly { readonly length: number }[]): number =>
  segments.reduce((sum, { length }) => sum + length, 0)

describe('the window of the other end', () => {
  test('is kept to, and a window update alone sets things going again', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.send('ACK', { seq: 1, window: 3000 })
    peer.write(new Uint8Array(9000))
    expect(total(peer.take())).toBe(3000)
    peer.send('ACK', { seq: 1, window: 0 })
    expect(peer.lines()).toEqual([])
    peer.send('ACK', { seq: 1, window: 4000 })
    expect(total(peer.take())).toBe(4000)
  })

  test('that is small is not filled with crumbs', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.send('ACK', { seq: 1, window: 3000 })
    peer.write(new Uint8Array(9000))
    peer.take()
    for (const window of [10, 100, 499]) {
      peer.send('ACK', { seq: 1, window })
      expect(peer.lines()).toEqual([])
    }
    peer.send('ACK', { seq: 1, window: 1000 })
    expect(total(peer.take())).toBe(1000)
  })

  test('tcp_window_msb_set: may be beyond 2^15, and numbers beyond 2^31', () => {
    for (const isn of [0x7fff_ff00, 0xffff_ff00]) {
      const peer = new RawPeer({ mss: 1000, isn }).establish()
      peer.send('ACK', { seq: 1, window: 0x8001 })
      let sent = 0
      peer.write(new Uint8Array(100_000))
      for (let i = 0; i < 5; i++) {
        sent += total(peer.take())
        if (sent >= 32_000) break
        peer.send('ACK', { seq: 1, window: 0x8001 })
      }
      expect(sent).toBeGreaterThan(32_000)
      for (let i = 0; i < 10; i++) peer.send('ACK', { seq: 1 + i * 100, data: 'y'.repeat(100) })
      expect(peer.read().length).toBe(1000)
    }
  })

  test('tcp_window_shrink: may be taken back; what was sent is sent again when it opens', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.take()
    peer.write(new Uint8Array(5000))
    expect(total(peer.take())).toBe(5000)
    peer.send('ACK', { seq: 1, ack: 1001, window: 0 })
    peer.take()
    peer.wait(3000)
    const probes = peer.take()
    expect(probes.length).toBeGreaterThan(0)
    expect(probes.every(({ seq, length }) => seq === 1001 && length === 1)).toBe(true)
    peer.send('ACK', { seq: 1, ack: 1001, window: 10_000 })
    expect(peer.take().map(({ seq, length }) => [seq, length])).toEqual([
      [1001, 1000],
      [2001, 1000],
      [3001, 1000],
      [4001, 1000],
    ])
  })

  describe('shut', () => {
    const shut = (options = {}): RawPeer => {
      const peer = new RawPeer({ mss: 1000, ...options }).establish()
      peer.send('ACK', { seq: 1, window: 0 })
      peer.take()
      peer.write('xyz')
      return peer
    }

    test('tcp_zero_window_probe: is probed with a byte of new data, which may be taken', () => {
      const peer = shut()
      expect(peer.lines()).toEqual([])
      peer.wait(1100)
      expect(peer.take().map(({ seq, text }) => [seq, text])).toEqual([[1, 'x']])
      peer.send('ACK', { seq: 1, ack: 2, window: 100 })
      expect(peer.take().map(({ seq, text }) => [seq, text])).toEqual([[2, 'yz']])
    })

    test('tcp_zero_window_probe_retransmit: again and again, ever more slowly, as long as it is answered', () => {
      const peer = shut({ tcp: { userTimeout: 120_000 } })
      const times: number[] = []
      for (let second = 0; second < 600; second++) {
        peer.wait(1000)
        for (const { seq, text } of peer.take()) {
          expect([seq, text]).toEqual([1, 'x'])
          times.push(second)
          peer.send('ACK', { seq: 1, ack: 1, window: 0 })
        }
      }
      expect(peer.state).toBe('ESTABLISHED')
      const gaps = times.slice(1).map((time, i) => time - (times[i] as number))
      expect(gaps.slice(0, 5).every((gap, i, all) => i === 0 || gap >= 2 * (all[i - 1] as number) - 1)).toBe(true)
      expect(Math.max(...gaps)).toBeLessThanOrEqual(61)
      peer.send('ACK', { seq: 1, ack: 1, window: 1000 })
      expect(peer.take().map(({ text }) => text)).toEqual(['x', 'yz'])
    })

    test('tcp_zero_window_probe_usertimeout: ends the connection when nobody answers', () => {
      const peer = shut({ tcp: { userTimeout: 120_000 } })
      peer.wait(110_000)
      expect(peer.state).toBe('ESTABLISHED')
      peer.wait(130_000)
      expect(peer.events.at(-1)).toBe('closed timeout')
    })

    test('does not keep a FIN from being sent', () => {
      const peer = new RawPeer({ mss: 1000 }).establish()
      peer.send('ACK', { seq: 1, window: 0 })
      peer.take()
      peer.host.tcp.shutdown(peer.handle)
      peer.host.pump()
      expect(peer.lines()).toEqual(['FIN ACK 1+0 ack 1'])
    })
  })
})
