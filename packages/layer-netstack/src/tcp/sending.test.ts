import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

const total = (segments: readonly { readonly length: number }[]): number =>
  segments.reduce((sum, { length }) => sum + length, 0)

describe('what is written', () => {
  test('goes out at once, however little it is', () => {
    const peer = new RawPeer().establish()
    peer.take()
    for (const text of ['a', 'bc', 'def']) peer.write(text)
    expect(peer.lines()).toEqual(['PSH ACK 1+1 ack 1', 'PSH ACK 2+2 ack 1', 'PSH ACK 4+3 ack 1'])
  })

  test('tcp_splitseg_mss: is cut to the MSS of the other end, less our options', () => {
    const peer = new RawPeer({ mss: 500, timestamps: true }).establish()
    peer.take()
    peer.write(new Uint8Array(1100))
    expect(peer.take().map(({ flags, length }) => [flags, length])).toEqual([
      ['ACK', 488],
      ['ACK', 488],
      ['PSH ACK', 124],
    ])
    expect(peer.host.seen.at(-1)).toEqual({ segmentSize: 488, length: 20 + 20 + 12 + 1100 })
  })

  test('is cut to 536 bytes, 1220 in IPv6, without an MSS option, and never to nothing but headers', () => {
    const sizes = [{}, { family: 6 }, { mss: 1 }, { mss: 9000 }].map((options) => {
      const peer = new RawPeer(options as { mss?: number }).establish()
      peer.write(new Uint8Array(3000))
      return peer.take().find(({ length }) => length > 0)?.length
    })
    expect(sizes).toEqual([536, 1220, 88, 1380])
  })

  test('begins with ten segments', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.write(new Uint8Array(50_000))
    expect(total(peer.take())).toBe(10_000)
    peer.send('ACK', { seq: 1 })
    expect(total(peer.take())).toBe(20_000)
  })

  test('begins so again after a pause in what is sent, however much has come in meanwhile (RFC 5681 §4.1)', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    for (const size of [10_000, 20_000]) {
      peer.write(new Uint8Array(size))
      peer.take()
      peer.send('ACK', { seq: 1 })
    }
    for (let i = 0; i < 100; i++) peer.wait(1000).send('PSH ACK', { seq: 1 + i, data: 'x' })
    expect(peer.read()).toHaveLength(100)
    expect(peer.take().length).toBeGreaterThan(0)
    peer.write(new Uint8Array(50_000))
    expect(total(peer.take())).toBe(10_000)
  })

  test('waits for packets when there are none, and loses nothing', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    const held = Array.from({ length: peer.host.pool.capacity }, () => peer.host.pool.acquire(1))
    peer.write('hello')
    expect(peer.lines()).toEqual([])
    for (const packet of held) packet?.release()
    peer.wait(5)
    expect(peer.lines()).toEqual(['PSH ACK 1+5 ack 1'])
  })

  test('is taken up to the bound, and again when a third is free', () => {
    const peer = new RawPeer({ tcp: { sendBuffer: 3000 }, mss: 1000 }).establish()
    expect(peer.write(new Uint8Array(5000))).toBe(3000)
    expect(peer.write(new Uint8Array(1))).toBe(0)
    peer.take()
    peer.send('ACK', { seq: 1, ack: 501 })
    expect(peer.events).not.toContain('writable')
    peer.send('ACK', { seq: 1, ack: 1001 })
    expect(peer.events.filter((event) => event === 'writable').length).toBe(1)
    expect(peer.write(new Uint8Array(5000))).toBe(1000)
  })

  test('finds no memory, and is told when there is some again', () => {
    const peer = new RawPeer({ tcp: { memory: 131_072, sendBuffer: 2 ** 20 }, mss: 1000, windowShift: 8 }).establish()
    const taken = peer.write(new Uint8Array(500_000))
    expect(taken).toBeLessThan(131_072)
    expect(peer.write(new Uint8Array(1))).toBe(0)
    for (let i = 0; i < 100 && !peer.events.includes('writable'); i++) {
      peer.take()
      peer.send('ACK', { seq: 1 })
    }
    expect(peer.events).toContain('writable')
  })
})
