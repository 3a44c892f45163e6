import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

describe('the SYN-ACK', () => {
  test('offers what the SYN offered, and no more', () => {
    const all = new RawPeer({ mss: 1300, windowShift: 7, sack: true, timestamps: true })
    all.send('SYN', { seq: 0 })
    const [full] = all.take()
    expect(full).toMatchObject({ mss: 1380, windowShift: 5, sackPermitted: true, echo: 100_000 })
    const none = new RawPeer()
    none.send('SYN', { seq: 0 })
    const [bare] = none.take()
    expect(bare).toMatchObject({ mss: 1380, windowShift: undefined, sackPermitted: false, timestamp: undefined })
  })

  test('has an MSS that leaves room for IPv6', () => {
    const peer = new RawPeer({ family: 6 })
    peer.send('SYN', { seq: 0 })
    expect(peer.take()[0]?.mss).toBe(1360)
  })

  test('comes again when its ACK does not, and when the SYN does, until that is enough', () => {
    const peer = new RawPeer({ tcp: { synRetries: 3 } })
    peer.send('SYN', { seq: 0 })
    peer.take()
    peer.wait(500).send('SYN', { seq: 0 })
    expect(peer.lines()).toEqual(['SYN ACK 0+0 ack 1'])
    const times: number[] = []
    for (let t = 0; t < 60; t++) {
      peer.wait(500)
      for (const line of peer.lines()) {
        expect(line).toBe('SYN ACK 0+0 ack 1')
        times.push(t)
      }
    }
    expect([times.length, peer.events]).toEqual([3, ['incoming', 'closed timeout']])
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, halfOpen: 0 })
  })

  test('never has the same number twice for one pair of sockets, and not in step for two', () => {
    const numbers = [0, 0, 1].map((more, i) => {
      const peer = new RawPeer()
      peer.port += more
      peer.wait(i * 10).send('SYN', { seq: 0 })
      peer.take()
      return peer.iss
    })
    // One secret, one pair of sockets: it goes on with the clock of RFC 6528, 4 microseconds a tick.
    expect(((numbers[1] as number) - (numbers[0] as number)) >>> 0).toBe(2500)
    expect(Math.abs((numbers[2] as number) - (numbers[0] as number))).toBeGreaterThan(10_000)
  })
})

describe('tcp_handshake_window_size: the window of a SYN or SYN-ACK', () => {
  test('is not scaled, that of the ACK is', () => {
    const peer = new RawPeer({ windowShift: 8, mss: 512 })
    peer.send('SYN', { seq: 0, window: 1000 })
    const [synAck] = peer.take()
    expect(synAck?.window).toBe(65_535)
    // 1000 bytes are what the SYN allowed; the ACK allows 4 * 256.
    peer.send('ACK', { seq: 1, window: 4 })
    peer.write(new Uint8Array(5000))
    expect(peer.take().reduce((sum, { length }) => sum + length, 0)).toBe(1024)
  })

  test('is not scaled either where the other end has offered no scale', () => {
    const peer = new RawPeer({ mss: 1000 })
    peer.send('SYN', { seq: 0 })
    expect(peer.take()[0]).toMatchObject({ window: 65_535, windowShift: undefined })
    peer.send('ACK', { seq: 1, window: 2000 })
    peer.write(new Uint8Array(5000))
    const segments = peer.take()
    expect(segments.reduce((sum, { length }) => sum + length, 0)).toBe(2000)
    expect(segments.every(({ window }) => window === 65_535)).toBe(true)
  })
})
