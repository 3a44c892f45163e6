import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

describe('the window', () => {
  const tcp = { receiveBuffer: 10_000 }
  const fill = (peer: RawPeer, from: number, count: number): void => {
    for (let i = 0; i < count; i++) peer.send('ACK', { seq: from + i * 1000, data: new Uint8Array(1000) })
  }

  test('closes while nobody reads, and is told to open when somebody does', () => {
    const peer = new RawPeer({ tcp }).establish()
    fill(peer, 1, 10)
    expect(peer.take().at(-1)).toMatchObject({ ack: 10_001, window: 0 })
    peer.read(200)
    expect(peer.lines(), 'too little to be worth a packet').toEqual([])
    peer.read(3000)
    expect(peer.take()).toMatchObject([{ flags: 'ACK', ack: 10_001, window: 3200 }])
  })

  test('never moves its right edge to the left', () => {
    const peer = new RawPeer({ tcp, windowShift: 0 }).establish()
    let edge = 0
    for (let i = 0; i < 200; i++) {
      const seq = 1 + i * 37
      peer.send('ACK', { seq, data: new Uint8Array(37) })
      if (i % 5 === 0) peer.read(150)
      for (const { ack, window } of peer.take()) {
        expect(ack + window).toBeGreaterThanOrEqual(edge)
        edge = ack + window
      }
    }
  })

  test('that is shut still lets ACKs in, and probes are answered', () => {
    const peer = new RawPeer({ tcp }).establish()
    fill(peer, 1, 10)
    peer.take()
    peer.write('reply')
    peer.take()
    peer.send('ACK', { seq: 10_001, data: 'p' })
    expect(peer.take()).toMatchObject([{ ack: 10_001, window: 0 }])
    peer.send('ACK', { seq: 10_001 })
    expect(peer.wait(10_000).lines(), 'nothing is sent again').toEqual([])
  })

  test('tcp_outside_the_window: what lies outside changes nothing and is answered', () => {
    for (const seq of [-5000, -1, 10_001, 50_000]) {
      const peer = new RawPeer({ tcp }).establish()
      peer.take()
      expect(peer.send('ACK', { seq, data: 'x' })).toBe('tcp-outside-window')
      expect([peer.lines(), peer.read()]).toEqual([['ACK 1+0 ack 1'], ''])
    }
  })

  test('tcp_outside_the_window_closing: nor in any state of closing', () => {
    const peer = new RawPeer({ tcp }).establish()
    peer.host.tcp.shutdown(peer.handle)
    peer.host.pump()
    const outside = (state: string, ack: string): void => {
      peer.take()
      expect(peer.state).toBe(state)
      expect(peer.send('FIN ACK', { seq: 20_000, ack: 1 })).toBe('tcp-outside-window')
      expect([peer.lines(), peer.state]).toEqual([[ack], state])
    }
    outside('FIN-WAIT-1', 'ACK 2+0 ack 1')
    peer.send('ACK', { seq: 1 })
    outside('FIN-WAIT-2', 'ACK 2+0 ack 1')
    // What nobody has read yet keeps the handle good, so that the state can be seen.
    peer.send('FIN ACK', { seq: 1, data: 'unread' })
    outside('TIME-WAIT', 'ACK 2+0 ack 8')
  })

  test('leaves memory for others: a flow that is not read does not take all there is', () => {
    const peer = new RawPeer({ tcp: { receiveBuffer: 2 ** 20, memory: 2 ** 18 }, windowShift: 7 }).establish()
    let seq = 1
    for (let i = 0; i < 1000; i++) {
      const [last] = peer.take().slice(-1)
      const room = last === undefined ? 1000 : last.ack + last.window * 32 - seq
      if (room < 1000) break
      peer.send('ACK', { seq, data: new Uint8Array(1000) })
      seq += 1000
    }
    expect(peer.host.tcp.statistics.memory).toBeLessThan(2 ** 18)
    expect(seq).toBeGreaterThan(50_000)
  })
})
