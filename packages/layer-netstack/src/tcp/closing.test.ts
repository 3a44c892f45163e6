import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

function shutdown(peer: RawPeer): void {
  peer.host.tcp.shutdown(peer.handle)
  peer.host.pump()
}

function close(peer: RawPeer): void {
  peer.host.tcp.close(peer.handle)
  peer.host.pump()
}

describe('an orderly end', () => {
  test('by the other end first: what is left goes out, then our FIN', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.take()
    peer.send('FIN ACK', { seq: 1 })
    expect([peer.state, peer.host.tcp.ended(peer.handle), peer.lines()]).toEqual([
      'CLOSE-WAIT',
      true,
      ['ACK 1+0 ack 2'],
    ])
    expect(peer.write('last words')).toBe(10)
    shutdown(peer)
    expect(peer.lines()).toEqual(['PSH ACK 1+10 ack 2', 'FIN ACK 11+0 ack 2'])
    expect(peer.state).toBe('LAST-ACK')
    peer.send('ACK', { seq: 2 })
    expect(peer.events.at(-1)).toBe('closed finished')
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, memory: 0 })
  })

  test('by us first: half-closed, we still read', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.take()
    shutdown(peer)
    expect([peer.lines(), peer.state]).toEqual([['FIN ACK 1+0 ack 1'], 'FIN-WAIT-1'])
    peer.send('ACK', { seq: 1 })
    expect(peer.state).toBe('FIN-WAIT-2')
    peer.wait(3_600_000).send('PSH ACK', { seq: 1, data: 'much later' })
    expect(peer.read()).toBe('much later')
    peer.take()
    peer.send('FIN ACK', { seq: 11 })
    expect([peer.lines(), peer.events.at(-1)]).toEqual([['ACK 2+0 ack 12'], 'closed finished'])
    expect(peer.host.tcp.statistics.connections).toBe(1)
    peer.wait(60_001)
    expect(peer.host.tcp.statistics.connections).toBe(0)
  })

  test('the FIN rides on the last data', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.take()
    peer.host.tcp.write(peer.handle, new Uint8Array(1500))
    shutdown(peer)
    expect(peer.lines()).toEqual(['ACK 1+1000 ack 1', 'FIN PSH ACK 1001+500 ack 1'])
  })

  test('of both at the same time', () => {
    const peer = new RawPeer().establish()
    shutdown(peer)
    peer.take()
    peer.send('FIN ACK', { seq: 1, ack: 1 })
    expect([peer.lines(), peer.state]).toEqual([['ACK 2+0 ack 2'], 'CLOSING'])
    peer.send('ACK', { seq: 2 })
    expect(peer.events.at(-1)).toBe('closed finished')
  })

  test('is told only after everything has been read', () => {
    const peer = new RawPeer().establish()
    peer.send('FIN PSH ACK', { seq: 1, data: 'unread' })
    shutdown(peer)
    peer.take()
    peer.send('ACK', { seq: 8 })
    expect(peer.host.tcp.statistics.memory).toBeGreaterThan(0)
    expect(peer.events.filter((event) => event.startsWith('closed'))).toEqual([])
    expect([peer.read(3), peer.read(3)]).toEqual(['unr', 'ead'])
    expect(peer.events.at(-1)).toBe('closed finished')
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, memory: 0 })
  })

  test('a FIN ahead of a hole waits for it; what comes behind a FIN is nothing', () => {
    const peer = new RawPeer({ sack: true }).establish()
    peer.send('FIN ACK', { seq: 6 })
    expect(peer.host.tcp.ended(peer.handle)).toBe(false)
    peer.send('ACK', { seq: 4, data: 'deBEHIND' })
    peer.send('ACK', { seq: 1, data: 'abc' })
    expect([peer.read(), peer.host.tcp.ended(peer.handle)]).toEqual(['abcde', true])
    expect(peer.take().at(-1)?.ack).toBe(7)
  })

  test('tcp_fin_retransmission: our FIN is sent again until it is acknowledged, theirs acknowledged each time', () => {
    const peer = new RawPeer().establish()
    shutdown(peer)
    peer.take()
    peer.wait(5000)
    const again = peer.lines()
    expect(again.length).toBeGreaterThan(1)
    expect(new Set(again)).toEqual(new Set(['FIN ACK 1+0 ack 1']))
    peer.send('FIN ACK', { seq: 1 })
    peer.take()
    for (let i = 0; i < 3; i++) {
      peer.wait(1000).send('FIN ACK', { seq: 1 })
      expect(peer.lines()).toEqual(['ACK 2+0 ack 2'])
    }
  })
})

describe('letting go', () => {
  test('after everything was read: the rest is delivered, and nobody is told', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.take()
    peer.host.tcp.write(peer.handle, new Uint8Array(500))
    close(peer)
    expect(peer.lines()).toEqual(['FIN PSH ACK 1+500 ack 1'])
    peer.send('FIN ACK', { seq: 1 })
    expect([peer.events, peer.lines()]).toEqual([['incoming', 'established'], ['ACK 502+0 ack 2']])
    peer.wait(60_001)
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, memory: 0 })
  })

  test('with something unread, or of what comes later, is a RST', () => {
    const unread = new RawPeer().establish()
    unread.send('ACK', { seq: 1, data: 'unread' })
    unread.take()
    close(unread)
    expect(unread.lines()).toEqual(['RST ACK 1+0 ack 7'])
    const late = new RawPeer().establish()
    close(late)
    late.take()
    expect(late.send('ACK', { seq: 1, data: 'late' })).toBe('tcp-nobody-reads')
    expect(late.lines()).toEqual(['RST ACK 2+0 ack 1'])
    for (const peer of [unread, late]) expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, memory: 0 })
  })

  test('fin_wait2_timeout: an end that never finishes is given up, and told when it comes back', () => {
    const peer = new RawPeer({ tcp: { finWait: 30_000 } }).establish()
    close(peer)
    peer.take()
    peer.send('ACK', { seq: 1 })
    peer.wait(299_000)
    expect(peer.host.tcp.statistics.connections).toBe(0)
    peer.send('ACK', { seq: 1, data: 'back' })
    expect(peer.lines()).toEqual(['RST 2+0 ack -1000000'])
  })

  test('does not last for ever against an end that keeps its window shut', () => {
    const peer = new RawPeer({ tcp: { userTimeout: 100_000 } }).establish()
    peer.send('ACK', { seq: 1, window: 0 })
    peer.write(new Uint8Array(1000))
    close(peer)
    for (let i = 0; i < 110; i++) {
      peer.wait(1000)
      if (peer.take().length > 0) peer.send('ACK', { seq: 1, ack: 1, window: 0 })
    }
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, memory: 0 })
  })

  test('abruptly is a RST with the number that is expected', () => {
    const peer = new RawPeer().establish()
    peer.write('abc')
    peer.take()
    peer.host.tcp.abort(peer.handle)
    peer.host.pump()
    expect(peer.lines()).toEqual(['RST ACK 4+0 ack 1'])
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, memory: 0 })
    expect([peer.write('more'), peer.read(), peer.state]).toEqual([0, '', 'CLOSED'])
  })
})
