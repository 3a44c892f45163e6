import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { randomSegment, TCP_MAXIMUM_PACKET } from '../test-support/hostile-segments.ts'
import { RawPeer, type RawPeerOptions } from '../test-support/raw-peer.ts'

const SEED = Number(process.env['MILLRACE_SEED'] ?? 1)
const ROUNDS = Number(process.env['MILLRACE_FUZZ_ROUNDS'] ?? 100)

const small: RawPeerOptions = {
  mss: 500,
  sack: true,
  windowShift: 2,
  tcp: {
    memory: 2 ** 18,
    sendBuffer: 20_000,
    receiveBuffer: 20_000,
    connections: 64,
    halfOpen: 32,
    slots: 80,
    jumboSlots: 2,
  },
}

/** How to bring a connection into each state, with data under way where there can be some. */
const STATES: Readonly<Record<string, (options: RawPeerOptions) => RawPeer>> = {
  CLOSED: (options) => new RawPeer(options),
  PENDING: (options) => {
    const peer = new RawPeer({ ...options, accepts: false })
    peer.send('SYN', { seq: 0 })
    return peer
  },
  'SYN-SENT': (options) => {
    const peer = new RawPeer(options)
    const [localAddress, remoteAddress] = [Uint8Array.of(198, 51, 100, 7), Uint8Array.of(10, 0, 0, 2)]
    const ends = { localAddress, localPort: 80, remoteAddress, remotePort: peer.port }
    peer.handle = peer.host.tcp.connect(ends, peer.clock.now())
    peer.host.pump()
    return peer
  },
  'SYN-RECEIVED': (options) => {
    const peer = new RawPeer(options)
    peer.send('SYN', { seq: 0 })
    return peer
  },
  ESTABLISHED: (options) => {
    const peer = new RawPeer(options).establish()
    peer.write(new Uint8Array(3000))
    peer.send('ACK', { seq: 11, ack: 1, data: 'ahead of a hole' })
    return peer
  },
  'CLOSE-WAIT': (options) => {
    const peer = new RawPeer(options).establish()
    peer.write(new Uint8Array(3000))
    peer.send('FIN ACK', { seq: 1, ack: 1 })
    return peer
  },
  'FIN-WAIT-1': (options) => finishing(options),
  'FIN-WAIT-2': (options) => {
    const peer = finishing(options)
    peer.take()
    peer.send('ACK', { seq: 1 })
    return peer
  },
  CLOSING: (options) => {
    const peer = finishing(options)
    peer.send('FIN PSH ACK', { seq: 1, ack: 1, data: 'kept unread' })
    return peer
  },
  'LAST-ACK': (options) => {
    const peer = new RawPeer(options).establish()
    peer.send('FIN PSH ACK', { seq: 1, ack: 1, data: 'kept unread' })
    peer.host.tcp.shutdown(peer.handle)
    peer.host.pump()
    return peer
  },
  'TIME-WAIT': (options) => {
    const peer = finishing(options)
    peer.take()
    peer.send('FIN PSH ACK', { seq: 1, data: 'kept unread' })
    return peer
  },
}

function finishing(options: RawPeerOptions): RawPeer {
  const peer = new RawPeer(options).establish()
  peer.host.tcp.shutdown(peer.handle)
  peer.host.pump()
  return peer
}

function expectBounded(peer: RawPeer): void {
  const { statistics } = peer.host.tcp
  expect(statistics.connections).toBeLessThanOrEqual(64)
  expect(statistics.halfOpen).toBeLessThanOrEqual(32)
  expect(statistics.halfOpen).toBeGreaterThanOrEqual(0)
  expect(statistics.memory).toBeLessThanOrEqual(2 ** 18)
  expect(peer.host.leaked).toBe(0)
}

describe.each(Object.keys(STATES))('in %s', (state) => {
  const enter = STATES[state] as (options: RawPeerOptions) => RawPeer

  test('is where the test is', () => {
    expect(enter(small).state).toBe(state)
  })

  test('every combination of flags, at every place of interest, is dealt with', () => {
    const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG']
    for (let bits = 0; bits < 64; bits++) {
      const flags = names.filter((_, bit) => bits & (1 << bit)).join(' ') || 'PSH'
      // One connection for all places, so that what one segment has done meets the next.
      const peer = enter(small)
      for (const seq of [1, 0, 2, 19_000, -(2 ** 31)]) {
        for (const ack of [1, 2, 3001, -70_000]) {
          peer.send(flags, { seq, ack, data: seq % 2 === 0 ? 'data' : '', window: (seq & 3) * 200 })
          if (peer.takeBytes().length > 40) throw new Error(`${flags} ${seq} ${ack} is answered without end`)
        }
      }
      expectBounded(peer)
      // Timers have their turn too; they take long, so not with every combination.
      if (bits % 8 === 0) peer.wait(500_000)
      peer.takeBytes()
    }
  })
})

test(`${ROUNDS} rounds of hostile segments: nothing throws, nothing grows, everything ends`, {
  timeout: 60_000 + ROUNDS * 100,
}, () => {
  for (let round = 0; round < ROUNDS; round++) {
    const random = new SeededRandom(SEED * 1_000_003 + round)
    const names = Object.keys(STATES)
    const options = { ...small, timestamps: random.chance(0.5), sack: random.chance(0.7) }
    const peer = (STATES[names[random.uint32() % names.length] as string] as (typeof STATES)[string])(options)
    peer.take()
    for (let i = 0; i < 60; i++) {
      peer.host.deliver(randomSegment(random, peer))
      for (const bytes of peer.takeBytes()) expect(bytes.length).toBeLessThanOrEqual(TCP_MAXIMUM_PACKET)
      if (random.chance(0.1)) peer.wait(random.uint32() % 3000)
      if (random.chance(0.1)) peer.read(random.uint32() % 5000)
      if (random.chance(0.05)) peer.write(new Uint8Array(random.uint32() % 5000))
      if (random.chance(0.01)) peer.host.tcp.shutdown(peer.handle)
      if (random.chance(0.01)) peer.host.tcp.close(peer.handle)
    }
    peer.host.pump()
    expectBounded(peer)
    // With nobody there any more, all that is left comes to its end by itself.
    for (const handle of [...peer.handles, peer.handle]) peer.host.tcp.close(handle)
    peer.host.pump()
    peer.wait(1_000_000)
    expect([round, peer.host.tcp.statistics]).toMatchObject([round, { connections: 0, memory: 0 }])
    expect([round, peer.host.leaked]).toEqual([round, 0])
  }
})

test('a flood of SYNs from everywhere leaves what is established alone', () => {
  const peer = new RawPeer(small).establish()
  const { handle } = peer
  const random = new SeededRandom(SEED)
  for (let i = 0; i < 1000; i++) {
    const source = `10.${random.uint32() & 255}.${random.uint32() & 255}.${1 + (random.uint32() % 250)}`
    peer.port = 1024 + (random.uint32() % 60_000)
    peer.send('SYN', { seq: random.uint32() | 0, source })
    peer.takeBytes()
    expectBounded(peer)
  }
  peer.port = 40_000
  expect(peer.host.tcp.stateOf(handle)).toBe('ESTABLISHED')
  peer.wait(500_000)
  expect(peer.host.tcp.statistics).toMatchObject({ connections: 1, halfOpen: 0 })
})
