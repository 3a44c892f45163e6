import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

describe('opening a connection', () => {
  const ends = {
    localAddress: Uint8Array.of(198, 51, 100, 7),
    localPort: 80,
    remoteAddress: Uint8Array.of(10, 0, 0, 2),
    remotePort: 40_000,
  }
  function calling(options: ConstructorParameters<typeof RawPeer>[0] = {}): RawPeer {
    const peer = new RawPeer(options)
    peer.handle = peer.host.tcp.connect(ends, peer.clock.now())
    peer.host.pump()
    return peer
  }

  test('offers everything, and uses what is answered', () => {
    const peer = calling({ mss: 500 })
    expect(peer.take()[0]).toMatchObject({ flags: 'SYN', mss: 1380, windowShift: 5, sackPermitted: true, echo: 0 })
    peer.send('SYN ACK', { seq: 0 })
    expect([peer.lines(), peer.state, peer.events]).toEqual([['ACK 1+0 ack 1'], 'ESTABLISHED', ['established']])
    peer.write(new Uint8Array(600))
    const segments = peer.take()
    expect(segments.map(({ length }) => length)).toEqual([500, 100])
    expect(segments[0]?.timestamp).toBe(undefined)
  })

  test('tcp_synsent_reset: only a RST that acknowledges the SYN refuses it', () => {
    const peer = calling()
    peer.take()
    expect(peer.send('RST', { seq: 0 })).toBe('tcp-outside-window')
    expect(peer.send('RST ACK', { seq: 0, ack: 5 })).toBe('tcp-ack-unacceptable')
    expect([peer.state, peer.lines()]).toEqual(['SYN-SENT', []])
    peer.send('RST ACK', { seq: 0, ack: 1 })
    expect(peer.events).toEqual(['closed refused'])
  })

  test('an ACK of something else gets a RST, and the SYN is tried again', () => {
    const peer = calling()
    peer.take()
    peer.send('SYN ACK', { seq: 0, ack: 7 })
    expect(peer.lines()).toEqual(['RST 7+0 ack -1000000'])
    peer.wait(1001)
    expect(peer.lines()).toEqual(['SYN 0+0 ack -1000000'])
  })

  test('of both ends at the same time makes one connection', () => {
    const peer = calling({ mss: 500 })
    peer.take()
    peer.send('SYN', { seq: 0 })
    expect([peer.lines(), peer.state]).toEqual([['SYN ACK 0+0 ack 1'], 'SYN-RECEIVED'])
    peer.send('SYN ACK', { seq: 0, ack: 1 })
    expect([peer.state, peer.events]).toEqual(['ESTABLISHED', ['established']])
    peer.send('PSH ACK', { seq: 1, ack: 1, data: 'both' })
    expect(peer.read()).toBe('both')
  })

  test('is given up after the SYN has been sent often enough', () => {
    const peer = calling({ tcp: { synRetries: 2 } })
    peer.wait(60_000)
    expect([peer.lines().length, peer.events]).toEqual([3, ['closed timeout']])
  })

  test('is not possible twice between the same ends', () => {
    const peer = calling()
    expect(peer.host.tcp.connect(ends, peer.clock.now())).toBe(-1)
  })
})
