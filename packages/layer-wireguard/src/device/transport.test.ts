import { describe, expect, test } from 'vitest'
import { PUBLIC_A, PUBLIC_B, SECOND, Tunnel, WIRE_A, WIRE_B } from '../../../../test/support/tunnel.ts'

const ELSEWHERE = '198.51.100.9:9'
/** Of the packets that the tests send: 20 bytes of header and the text. */
const HEADER = 20
const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `packet ${i}`)

describe('padding', () => {
  test.each([
    // Bytes inside, MTU, bytes on the wire: header 16, tag 16.
    [21, 1420, 32 + 32],
    [32, 1420, 32 + 32],
    [33, 1420, 32 + 48],
    [1408, 1420, 32 + 1408],
    [1409, 1420, 32 + 1420],
    [1420, 1420, 32 + 1420],
    [1280, 1280, 32 + 1280],
    // Larger than the MTU: what is over it counts.
    [1421, 1420, 32 + 1420 + 16],
    [1500, 1420, 32 + 1420 + 80],
    [2840, 1420, 32 + 2840],
  ])('%i bytes with an MTU of %i go as %i', async (inside, mtu, onWire) => {
    await using tunnel = await Tunnel.established({ a: { mtu } })
    const text = 'x'.repeat(inside - HEADER)
    tunnel.a.send(text)
    tunnel.advance(0)
    expect(tunnel.last('a', 'data').length).toBe(onWire)
    expect(tunnel.b.received).toEqual([text])
  })
})

describe('packets that wait for a session', () => {
  test('arrive in the order they were sent in, before those sent later', async () => {
    await using tunnel = await Tunnel.start({ conditions: { delay: 20 } })
    tunnel.a.send(...numbered(60))
    tunnel.advance(10)
    tunnel.a.send('later')
    tunnel.advance(SECOND)
    tunnel.a.send('last')
    tunnel.advance(SECOND)
    expect(tunnel.b.received).toEqual([...numbered(60), 'later', 'last'])
  })

  test('are 128 at most; the oldest goes for the next', async () => {
    await using tunnel = await Tunnel.start({ conditions: { delay: 20 } })
    tunnel.a.send(...numbered(130))
    tunnel.advance(SECOND)
    expect(tunnel.b.received).toEqual(numbered(130).slice(2))
    expect(tunnel.a.drops()).toEqual({ 'staged-overflow': 2 })
  })

  test('are 1,024 at most for all peers together; then none is taken', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = () => true
    for (let peer = 0; peer < 8; peer++) {
      const publicKey = Buffer.alloc(32, 9).fill(peer, 0, 1).toString('base64')
      tunnel.a.layer.peers.add({ publicKey, endpoint: '198.51.100.1:1', allowedIps: [`10.1.0.${peer}/32`] })
      for (let i = 0; i < 128; i++) tunnel.a.sendPacket(tunnel.a.packet('waits', '10.0.0.1', `10.1.0.${peer}`))
    }
    expect(tunnel.a.drops()).toEqual({})
    tunnel.a.send('one more')
    expect(tunnel.a.drops()).toEqual({ 'staged-overflow': 1 })
    expect(tunnel.a.peer.staged.length).toBe(0)
  })

  test('are dropped when the packet memory is used up', async () => {
    await using tunnel = await Tunnel.start({ a: { pool: { slots: 2, jumboSlots: 0 } } })
    tunnel.loses = () => true
    // The packet itself takes one slot, its copy the other: none is left for the initiation.
    tunnel.a.send('waits')
    expect(tunnel.a.drops()).toEqual({ 'pool-empty': 1 })
    tunnel.a.send('is not copied')
    expect(tunnel.a.drops()).toEqual({ 'pool-empty': 2 })
    tunnel.advance(20 * SECOND)
    expect(tunnel.take().length).toBe(3)
  })

  test('to nowhere do not wait', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.b.send('where to?')
    expect(tunnel.b.drops()).toEqual({ 'no-endpoint': 1 })
  })
})

describe('a data message', () => {
  test('is taken once, in any order', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.loses = ({ kind }) => kind === 'data'
    tunnel.a.send(...numbered(5))
    const messages = tunnel.sent.filter(({ kind }) => kind === 'data').map(({ bytes }) => bytes)
    for (const i of [3, 0, 3, 4, 0, 1, 2, 4]) tunnel.b.deliver(messages[i] as Uint8Array)
    expect(tunnel.b.received).toEqual([3, 0, 4, 1, 2].map((i) => `packet ${i}`))
    expect(tunnel.b.drops()).toEqual({ replayed: 3 })
  })

  test('altered anywhere is dropped, and the true one after it is taken: only what authenticates moves the window', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.loses = ({ kind }) => kind === 'data'
    tunnel.a.send('true')
    const message = tunnel.last('a', 'data')
    // Behind type and index: counter, ciphertext, tag.
    for (let bit = 8 * 8; bit < message.length * 8; bit++) {
      const copy = message.slice()
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
      tunnel.b.deliver(copy, ELSEWHERE)
    }
    expect(tunnel.b.drops()).toEqual({ 'not-authentic': (message.length - 8) * 8 })
    tunnel.b.deliver(message)
    expect(tunnel.b.received).toEqual(['true'])
    expect(tunnel.b.layer.peers.get(PUBLIC_A)?.endpoint).toBe(WIRE_A)
  })

  test('with the index of no session is dropped, also with that of a handshake that is pending', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = () => true
    tunnel.a.send('hello')
    const message = Buffer.alloc(32)
    message[0] = 4
    tunnel.a.deliver(message)
    message.set(tunnel.last('a', 'initiation').subarray(4, 8), 4)
    tunnel.a.deliver(message)
    expect(tunnel.a.drops()).toEqual({ 'unknown-index': 2 })
  })
})

describe('traffic', () => {
  test('is counted as on the wire, handshakes and keepalives included', async () => {
    await using tunnel = await Tunnel.start({ a: { peer: { persistentKeepalive: 20 } } })
    for (let i = 0; i < 100; i++) {
      tunnel.a.send('x'.repeat(i * 14))
      if (i % 3 === 0) tunnel.b.send('answer')
      tunnel.advance(5 * SECOND)
    }
    const bytes = (from: string): number =>
      tunnel.sent.reduce((sum, sent) => sum + (sent.from === from ? sent.bytes.length : 0), 0)
    const there = tunnel.a.layer.peers.get(PUBLIC_B)
    const here = tunnel.b.layer.peers.get(PUBLIC_A)
    expect(tunnel.sent.filter(({ kind }) => kind === 'initiation').length).toBeGreaterThan(2)
    expect([there?.sentBytes, here?.receivedBytes]).toEqual([bytes('a'), bytes('a')])
    expect([here?.sentBytes, there?.receivedBytes]).toEqual([bytes('b'), bytes('b')])
  })

  test('counts nothing that did not authenticate', async () => {
    await using tunnel = await Tunnel.established()
    const before = tunnel.b.layer.peers.get(PUBLIC_A)?.receivedBytes
    tunnel.b.deliver(tunnel.last('a', 'keepalive'))
    tunnel.b.deliver(tunnel.last('a', 'initiation'))
    expect(tunnel.b.layer.peers.get(PUBLIC_A)?.receivedBytes).toBe(before)
    expect(tunnel.a.layer.peers.get(PUBLIC_B)?.endpoint).toBe(WIRE_B)
  })
})
