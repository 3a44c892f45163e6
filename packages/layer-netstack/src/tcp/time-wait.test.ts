import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

/** Our side has finished first; the other end's FIN makes it TIME-WAIT. */
function inTimeWait(options: ConstructorParameters<typeof RawPeer>[0] = {}): RawPeer {
  const peer = new RawPeer(options).establish()
  peer.host.tcp.shutdown(peer.handle)
  peer.host.pump()
  peer.take()
  peer.send('FIN ACK', { seq: 1 })
  return peer
}

describe('TIME-WAIT', () => {
  test('tcp_timewait_reset: ends with an exact RST, not with another', () => {
    const peer = inTimeWait()
    peer.take()
    expect(peer.send('RST', { seq: 100 })).not.toBe('tcp-reset')
    expect(peer.host.tcp.statistics.connections).toBe(1)
    expect(peer.send('RST', { seq: 2 })).toBe('tcp-reset')
    expect(peer.host.tcp.statistics.connections).toBe(0)
    peer.take()
    peer.send('ACK', { seq: 2, ack: 2 })
    expect(peer.lines()).toEqual(['RST 2+0 ack -1000000'])
  })

  test('begins anew with each repetition of the FIN', () => {
    const peer = inTimeWait()
    peer.wait(50_000).send('FIN ACK', { seq: 1 })
    peer.wait(50_000)
    expect(peer.host.tcp.statistics.connections).toBe(1)
    peer.wait(10_001)
    expect(peer.host.tcp.statistics.connections).toBe(0)
  })

  test.each([
    { name: 'a later number', by: { seq: 100_000 }, timestamps: false, isNew: true },
    { name: 'an earlier number', by: { seq: -100_000 }, timestamps: false, isNew: false },
    { name: 'a later timestamp', by: { seq: -100_000 }, timestamps: true, isNew: true },
    { name: 'an earlier timestamp', by: { seq: 100_000, timestamp: 5 }, timestamps: true, isNew: false },
  ])('gives way to a SYN with $name: $isNew', ({ by, timestamps, isNew }) => {
    const peer = inTimeWait({ timestamps })
    peer.take()
    peer.wait(1000).send('SYN', by)
    expect(peer.events.filter((event) => event === 'incoming').length).toBe(isNew ? 2 : 1)
    expect(peer.take()[0]?.flags).toBe(isNew ? 'SYN ACK' : 'ACK')
  })

  test('the oldest gives way when there is no room left', () => {
    const peer = new RawPeer({ tcp: { connections: 3 } })
    for (let i = 0; i < 10; i++) {
      peer.port++
      expect(peer.send('SYN', { seq: 0 })).toBe(undefined)
      peer.take()
      peer.send('ACK', { seq: 1, ack: 1 })
      peer.host.tcp.close(peer.handle)
      peer.host.pump()
      peer.send('FIN ACK', { seq: 1, ack: 2 })
    }
    expect(peer.host.tcp.statistics.connections).toBe(3)
    const live = new RawPeer({ tcp: { connections: 3 } })
    const results = [1, 2, 3, 4].map(() => {
      live.port++
      return live.send('SYN', { seq: 0 })
    })
    expect(results).toEqual([undefined, undefined, undefined, 'tcp-connections-full'])
  })
})
