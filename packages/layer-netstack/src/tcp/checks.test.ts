import { ipv4, payload, tcpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

describe('a segment of no connection', () => {
  test.each([
    ['ACK', 'RST 77+0 ack -1000000'],
    ['FIN PSH ACK', 'RST 77+0 ack -1000000'],
    ['SYN ACK', 'RST 77+0 ack -1000000'],
    ['FIN', 'RST ACK 0+0 ack 11'],
    ['PSH', 'RST ACK 0+0 ack 10'],
  ])('with %s is answered by %s', (flags, answer) => {
    const peer = new RawPeer()
    expect(peer.send(flags, { seq: 5, ack: 77, data: 'hello' })).toBe('tcp-no-connection')
    expect(peer.lines()).toEqual([answer])
  })

  test('a RST is never answered', () => {
    const peer = new RawPeer()
    for (const flags of ['RST', 'RST ACK', 'SYN RST', 'FIN RST ACK']) peer.send(flags)
    expect(peer.lines()).toEqual([])
  })

  test('answers keep within a rate', () => {
    const peer = new RawPeer({ tcp: { answersPerSecond: 100, answersPerSecondPerPeer: 100 } })
    for (let i = 0; i < 1000; i++) peer.send('ACK')
    expect(peer.lines().length).toBe(25)
    peer.wait(1000)
    for (let i = 0; i < 1000; i++) peer.send('ACK')
    expect(peer.lines().length).toBe(25)
    expect(peer.host.tcp.statistics.answersUnsent).toBe(1950)
  })

  test.each([
    [4, '10.0.0.3', '10.0.0.4'],
    [6, 'fd00:0:0:1::2', 'fd00:0:0:2::2'],
  ] as const)('who asks for many answers over IPv%i leaves others theirs', (family, many, few) => {
    const peer = new RawPeer({ family, tcp: { answersPerSecond: 400 } })
    for (let i = 0; i < 1000; i++) peer.send('ACK', { source: many })
    expect(peer.lines()).toHaveLength(25)
    peer.send('ACK', { source: few })
    expect(peer.lines()).toHaveLength(1)
  })

  test('what is not whole is dropped by name, and never answered', () => {
    const peer = new RawPeer()
    const whole = peer.make('ACK', { data: 'hello' })
    const damaged = whole.slice()
    damaged[42] = (damaged[42] as number) ^ 1
    const ports = { sourcePort: 1, destinationPort: 2 }
    const ends = { source: '10.0.0.2', destination: '198.51.100.7' }
    const short = ipv4(ends, tcpSegment(ports))
    short[32] = 0x40
    const long = ipv4(ends, tcpSegment(ports))
    long[32] = 0xf0
    const fragment = ipv4({ ...ends, moreFragments: true }, tcpSegment(ports, 'x'.repeat(8)))
    const other = ipv4(ends, payload(99, 'x'.repeat(20)))
    const reasons = [damaged, short, long, fragment, other].map((bytes) => peer.host.deliver(bytes))
    expect(reasons).toEqual(['tcp-checksum', 'tcp-header-invalid', 'tcp-header-invalid', 'tcp-fragment', 'not-tcp'])
    expect(peer.lines()).toEqual([])
  })
})

describe('blind attacks (RFC 5961)', () => {
  test('a RST counts only with the very next number; within the window it is challenged', () => {
    const peer = new RawPeer().establish()
    peer.take()
    expect(peer.send('RST', { seq: 100 })).toBe('tcp-reset-not-exact')
    expect(peer.lines()).toEqual(['ACK 1+0 ack 1'])
    expect(peer.send('RST', { seq: -1 })).toBe('tcp-outside-window')
    expect(peer.send('RST', { seq: 2_000_000 })).toBe('tcp-outside-window')
    expect([peer.lines(), peer.state]).toEqual([[], 'ESTABLISHED'])
    expect(peer.send('RST', { seq: 1 })).toBe('tcp-reset')
    expect(peer.events.at(-1)).toBe('closed reset')
  })

  test('a SYN is challenged wherever it lies', () => {
    const peer = new RawPeer().establish()
    peer.take()
    for (const seq of [-10, 0, 1, 500]) {
      peer.send('SYN', { seq })
      expect([seq, peer.lines(), peer.state]).toEqual([seq, ['ACK 1+0 ack 1'], 'ESTABLISHED'])
    }
  })

  test.each([-70_000, 2, 100_000])('tcp_unacc_seq_ack: an ACK of %i is challenged and its data not taken', (ack) => {
    const peer = new RawPeer().establish()
    peer.take()
    expect(peer.send('PSH ACK', { seq: 1, ack, data: 'injected' })).toBe('tcp-ack-unacceptable')
    expect([peer.lines(), peer.read()]).toEqual([['ACK 1+0 ack 1'], ''])
  })

  test('tcp_unacc_seq_ack_closing: the same while closing', () => {
    const peer = new RawPeer().establish()
    peer.host.tcp.shutdown(peer.handle)
    peer.host.pump()
    peer.take()
    for (const state of ['FIN-WAIT-1', 'FIN-WAIT-2']) {
      expect(peer.state).toBe(state)
      expect(peer.send('FIN ACK', { seq: 1, ack: 3 })).toBe('tcp-ack-unacceptable')
      expect([peer.lines(), peer.state]).toEqual([['ACK 2+0 ack 1'], state])
      peer.send('ACK', { seq: 1, ack: 2 })
    }
    const closeWait = new RawPeer().establish()
    closeWait.send('FIN ACK', { seq: 1 })
    closeWait.take()
    expect(closeWait.send('ACK', { seq: 2, ack: 9 })).toBe('tcp-ack-unacceptable')
    expect(closeWait.lines()).toEqual(['ACK 1+0 ack 2'])
  })

  test('challenges are limited, for each connection by itself', () => {
    const peer = new RawPeer().establish()
    peer.take()
    for (let i = 0; i < 100; i++) peer.send('RST', { seq: 100 })
    expect(peer.lines().length).toBe(10)
    peer.wait(5000)
    for (let i = 0; i < 100; i++) peer.send('SYN', { seq: 100 })
    expect(peer.lines().length).toBe(10)
    const first = peer.handle
    peer.port++
    peer.establish()
    peer.take()
    peer.send('RST', { seq: 100 })
    expect([peer.lines().length, peer.handle === first]).toEqual([1, false])
  })

  test('a segment without ACK is nothing', () => {
    const peer = new RawPeer().establish()
    expect(peer.send('PSH', { seq: 1, data: 'x' })).toBe('tcp-no-ack')
    expect(peer.read()).toBe('')
  })
})

describe('timestamps', () => {
  test('tcp_paws_mechanism: what is older than what came is not taken, and answered', () => {
    const peer = new RawPeer({ timestamps: true }).establish()
    peer.send('ACK', { seq: 1, data: 'new', timestamp: 200_000 })
    peer.take()
    expect(peer.send('ACK', { seq: 4, data: 'old', timestamp: 150_000 })).toBe('tcp-paws')
    const [answer] = peer.take()
    expect([answer?.ack, answer?.echo, peer.read()]).toEqual([4, 200_000, 'new'])
    peer.wait(25 * 24 * 3_600_000)
    expect(peer.send('ACK', { seq: 4, data: 'late', timestamp: 150_000 }), 'too old to mean anything').toBe(undefined)
    expect(peer.read()).toBe('late')
  })

  test('a RST needs none', () => {
    const peer = new RawPeer({ timestamps: true }).establish()
    const reset = new RawPeer()
    reset.iss = peer.iss
    expect(peer.host.deliver(reset.make('RST', { seq: 1 }))).toBe('tcp-reset')
  })

  test('once agreed on are asked of every other segment', () => {
    const peer = new RawPeer({ timestamps: true }).establish()
    const bare = new RawPeer()
    bare.iss = peer.iss
    expect(peer.host.deliver(bare.make('ACK', { seq: 1, ack: 1, data: 'x' }))).toBe('tcp-timestamp-missing')
  })

  test('ahead of a hole are not echoed before it is filled', () => {
    const peer = new RawPeer({ timestamps: true, sack: true }).establish()
    peer.send('ACK', { seq: 1, data: 'ab', timestamp: 200_000 })
    peer.take()
    peer.send('ACK', { seq: 5, data: 'ef', timestamp: 200_010 })
    expect(peer.take()[0]?.echo).toBe(200_000)
    peer.send('ACK', { seq: 3, data: 'cd', timestamp: 200_005 })
    expect(peer.take()[0]).toMatchObject({ echo: 200_005, ack: 7 })
  })

  test('wrap around', () => {
    const peer = new RawPeer({ timestamps: true })
    peer.send('SYN', { seq: 0, timestamp: 0xffff_fff0 })
    peer.take()
    peer.send('ACK', { seq: 1, timestamp: 0xffff_ffff })
    expect(peer.send('ACK', { seq: 1, data: 'x', timestamp: 10 })).toBe(undefined)
    expect(peer.read()).toBe('x')
  })
})

test('a handle of a connection that is over finds nothing, even if its place has been taken', () => {
  const peer = new RawPeer().establish()
  const old = peer.handle
  peer.host.tcp.abort(old)
  peer.port++
  peer.establish()
  expect(peer.handle).not.toBe(old)
  const { tcp } = peer.host
  expect([tcp.write(old, new Uint8Array(1)), tcp.stateOf(old), tcp.endpoints(old)]).toEqual([0, 'CLOSED', undefined])
  tcp.abort(old)
  tcp.close(old)
  tcp.shutdown(old)
  tcp.accept(old)
  tcp.reject(old, 'refused')
  expect(peer.state).toBe('ESTABLISHED')
})
