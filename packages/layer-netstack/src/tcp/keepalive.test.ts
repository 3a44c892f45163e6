import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

describe('an idle connection', () => {
  const tcp = { keepaliveIdle: 100_000, keepaliveInterval: 10_000, keepaliveProbes: 3 }

  test('is probed, and lives as long as that is answered', () => {
    const peer = new RawPeer({ tcp }).establish()
    peer.take()
    for (let i = 0; i < 5; i++) {
      peer.wait(99_000)
      expect(peer.lines()).toEqual([])
      peer.wait(1500)
      expect(peer.lines()).toEqual(['ACK 0+0 ack 1'])
      peer.send('ACK', { seq: 1, ack: 1 })
    }
    expect(peer.state).toBe('ESTABLISHED')
  })

  test('is over when nobody answers', () => {
    const peer = new RawPeer({ tcp }).establish()
    peer.take()
    peer.wait(125_000)
    expect([peer.lines().length, peer.state]).toEqual([3, 'ESTABLISHED'])
    peer.wait(10_000)
    expect(peer.events.at(-1)).toBe('closed timeout')
  })

  test('answers the probes of the other end', () => {
    const peer = new RawPeer().establish()
    peer.take()
    peer.send('ACK', { seq: 0 })
    expect(peer.lines()).toEqual(['ACK 1+0 ack 1'])
  })
})
