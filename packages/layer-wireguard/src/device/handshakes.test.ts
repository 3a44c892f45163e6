import { describe, expect, test } from 'vitest'
import { PRIVATE_A, PUBLIC_A, PUBLIC_B, SECOND, Tunnel, WIRE_A, WIRE_B } from '../../../../test/support/tunnel.ts'
import { encodeKey, generatePresharedKey, generatePrivateKey, publicKeyOf } from '../keys.ts'
import type { PeerOptions } from '../options.ts'

const ELSEWHERE = '198.51.100.9:9'
const psk = generatePresharedKey()

function flipped(message: Uint8Array, at: number): Uint8Array {
  const copy = message.slice()
  copy[at] = (copy[at] as number) ^ 1
  return copy
}

describe('a handshake', () => {
  test.each([
    ['without a pre-shared key', {}, {}],
    ['with one', { presharedKey: psk }, { presharedKey: psk }],
  ])('%s: two messages, then what waited', async (_how, a, b) => {
    await using tunnel = await Tunnel.start({ a: { peer: a }, b: { peer: b } })
    tunnel.a.send('hello')
    tunnel.advance(0)
    expect(tunnel.take()).toEqual(['0 a initiation', '0 b response', '0 a data'])
    expect(tunnel.sent.map(({ bytes }) => bytes.length)).toEqual([148, 92, 64])
    expect(tunnel.b.received).toEqual(['hello'])
    expect([tunnel.a.events, tunnel.b.events]).toEqual([['0 session-up b'], ['0 session-up a']])
  })

  test.each<[string, Partial<PeerOptions>, Partial<PeerOptions>]>([
    ['only here', { presharedKey: psk }, {}],
    ['only there', {}, { presharedKey: psk }],
    ['two different ones', { presharedKey: psk }, { presharedKey: generatePresharedKey() }],
  ])('with a pre-shared key %s fails', async (_where, a, b) => {
    await using tunnel = await Tunnel.start({ a: { peer: a }, b: { peer: b } })
    tunnel.a.send('hello')
    tunnel.advance(SECOND)
    expect(tunnel.take()).toEqual(['0 a initiation', '0 b response'])
    expect(tunnel.a.drops()).toEqual({ 'response-not-authentic': 1 })
    expect(tunnel.a.events).toEqual([])
    tunnel.a.layer.peers.update(PUBLIC_B, { presharedKey: b.presharedKey ?? encodeKey(new Uint8Array(32)) })
    tunnel.advance(6 * SECOND)
    expect(tunnel.b.received).toEqual(['hello'])
  })

  test('of a peer that is not known comes to nothing', async () => {
    await using tunnel = await Tunnel.start({ b: { peer: false } })
    tunnel.a.send('hello')
    tunnel.advance(SECOND)
    expect(tunnel.take()).toEqual(['0 a initiation'])
    expect(tunnel.b.drops()).toEqual({ 'unknown-peer': 1 })
  })

  test('with another than was meant comes to nothing', async () => {
    await using tunnel = await Tunnel.start({ b: { privateKey: generatePrivateKey() } })
    tunnel.a.send('hello')
    tunnel.advance(SECOND)
    expect(tunnel.b.drops()).toEqual({ 'bad-mac1': 1 })
  })

  test('both begin at once: both sessions stand, and everything arrives', async () => {
    await using tunnel = await Tunnel.start({ b: { peer: { endpoint: WIRE_A } }, conditions: { delay: 50 } })
    tunnel.a.send('from a')
    tunnel.b.send('from b')
    tunnel.advance(SECOND)
    tunnel.a.send('again from a')
    tunnel.b.send('again from b')
    tunnel.advance(SECOND)
    const handshakes = tunnel.take().slice(0, 4)
    expect(handshakes).toEqual(['0 a initiation', '0 b initiation', '0.05 b response', '0.05 a response'])
    expect(tunnel.b.received).toEqual(['from a', 'again from a'])
    expect(tunnel.a.received).toEqual(['from b', 'again from b'])
    expect([tunnel.a.drops(), tunnel.b.drops()]).toEqual([{}, {}])
  })

  test('the responder sends nothing with the new session before it has heard from the initiator', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = ({ kind }) => kind === 'keepalive'
    tunnel.a.layer.peers.update(PUBLIC_B, { persistentKeepalive: 1 })
    tunnel.advance(0)
    tunnel.b.send('waits', 'waits too')
    tunnel.advance(500)
    expect(tunnel.b.events).toEqual([])
    expect(tunnel.take()).toEqual(['0 a initiation', '0 b response', '0 a keepalive'])
    tunnel.loses = () => false
    tunnel.advance(500)
    expect(tunnel.take()).toEqual(['1 a keepalive', '1 b data', '1 b data'])
    expect(tunnel.a.received).toEqual(['waits', 'waits too'])
  })

  test('after a stop everything is forgotten, and a start may begin a handshake at once', async () => {
    await using tunnel = await Tunnel.start({ a: { peer: { persistentKeepalive: 25 } } })
    tunnel.advance(SECOND)
    await tunnel.a.stop()
    expect(tunnel.a.layer.peers.get(PUBLIC_B)?.isUp).toBe(false)
    tunnel.advance(SECOND)
    tunnel.take()
    await tunnel.a.start()
    tunnel.advance(0)
    expect(tunnel.take()).toEqual(['2 a initiation', '2 b response', '2 a keepalive'])
  })
})

describe('an initiation', () => {
  test('is taken once', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advance(SECOND)
    tunnel.b.deliver(tunnel.last('a', 'initiation'), ELSEWHERE)
    expect(tunnel.b.drops()).toEqual({ 'initiation-replayed': 1 })
    expect(tunnel.b.layer.peers.get(PUBLIC_A)?.endpoint).toBe(WIRE_A)
    expect(tunnel.take()).toEqual([])
  })

  test.each([
    [19.9, { 'initiation-flood': 1 }],
    [20, {}],
  ])('%s ms after another: dropped %o', async (gap, drops) => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = ({ kind }) => kind === 'initiation'
    tunnel.a.send('waits')
    tunnel.advance(6 * SECOND)
    const [first, second] = tunnel.sent.map(({ bytes }) => bytes) as [Uint8Array, Uint8Array]
    tunnel.b.deliver(first)
    tunnel.advance(gap)
    tunnel.b.deliver(second)
    expect(tunnel.b.drops()).toEqual(drops)
  })

  test('an older one after a newer one is a replay, though it was never seen', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = ({ kind }) => kind === 'initiation'
    tunnel.a.send('waits')
    tunnel.advance(6 * SECOND)
    const [first, second] = tunnel.sent.map(({ bytes }) => bytes) as [Uint8Array, Uint8Array]
    tunnel.b.deliver(second)
    tunnel.advance(SECOND)
    tunnel.b.deliver(first)
    expect(tunnel.b.drops()).toEqual({ 'initiation-replayed': 1 })
  })

  test('the latest is remembered longer than the keys', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advance(1000 * SECOND)
    tunnel.b.deliver(tunnel.last('a', 'initiation'))
    expect(tunnel.b.drops()).toEqual({ 'initiation-replayed': 1 })
  })
})

describe('a response', () => {
  test('is taken once, and only for the handshake that is pending', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.a.deliver(tunnel.last('b', 'response'), ELSEWHERE)
    expect(tunnel.a.drops()).toEqual({ 'unknown-index': 1 })
    expect(tunnel.a.layer.peers.get(PUBLIC_B)?.endpoint).toBe(WIRE_B)
  })

  test('to an attempt that another has replaced is not taken', async () => {
    await using tunnel = await Tunnel.start({ conditions: { delay: 3 * SECOND } })
    tunnel.a.send('hello')
    tunnel.advance(7 * SECOND)
    expect(tunnel.a.drops()).toEqual({ 'unknown-index': 1 })
    tunnel.advance(20 * SECOND)
    expect(tunnel.b.received).toEqual([])
    expect(tunnel.a.events).toEqual([])
  })
})

// Where a message is altered, and how it is then dropped: mac1 covers everything before it, mac2 is not looked at yet.
describe('a handshake message altered', () => {
  test.each([
    ['in its static key', 40],
    ['in its timestamp', 115],
    ['in mac1', 116],
  ])('an initiation %s is dropped', async (_where, at) => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = () => true
    tunnel.a.send('hello')
    tunnel.b.deliver(flipped(tunnel.last('a', 'initiation'), at))
    expect(tunnel.b.drops()).toEqual({ 'bad-mac1': 1 })
  })

  test('a response is dropped, and the true one after it is taken', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = ({ kind }) => kind === 'response'
    tunnel.a.send('hello')
    tunnel.advance(0)
    for (const at of [12, 50, 60]) tunnel.a.deliver(flipped(tunnel.last('b', 'response'), at), ELSEWHERE)
    expect(tunnel.a.drops()).toEqual({ 'bad-mac1': 3 })
    tunnel.a.deliver(tunnel.last('b', 'response'))
    tunnel.advance(0)
    expect(tunnel.b.received).toEqual(['hello'])
  })
})

describe('a peer whose key is a point of low order', () => {
  // p - 1, of order 2.
  const publicKey = encodeKey(Uint8Array.from([0xec, ...Array(30).fill(0xff), 0x7f]))

  test('can be added, and nothing is ever sent to it nor kept for it', async () => {
    await using tunnel = await Tunnel.start({ a: { peer: { publicKey, persistentKeepalive: 10 } } })
    tunnel.a.send('one', 'two')
    tunnel.advance(5 * SECOND)
    expect(tunnel.take()).toEqual([])
    expect(tunnel.a.peer.staged).toEqual([])
    // Two packets, and the keepalive at the beginning.
    expect(tunnel.a.drops()).toEqual({ 'peer-key-of-low-order': 3 })
  })
})

test("one's own public key is no peer", async () => {
  await using tunnel = await Tunnel.start()
  const add = (): void => tunnel.a.layer.peers.add({ publicKey: publicKeyOf(PRIVATE_A), allowedIps: [] })
  expect(add).toThrow(`peer ${PUBLIC_A}: that is this device's own public key`)
})
