import { describe, expect, test } from 'vitest'
import { PUBLIC_A, PUBLIC_B, SECOND, Tunnel, WIRE_A, WIRE_B } from '../../../test/support/tunnel.ts'
import { hash, keyedMac } from './crypto/hashes.ts'
import { generatePrivateKey, publicKeyOf } from './keys.ts'

const ELSEWHERE = '198.51.100.9:9'

/** A message of a type and length, with everything else zero; with a right mac1 for B if it is long enough. */
function message(type: number, length: number, to?: string): Uint8Array {
  const bytes = Buffer.alloc(length)
  if (length >= 4) bytes.writeUInt32LE(type)
  if (to === undefined) return bytes
  const key = hash(Buffer.from('mac1----'), Buffer.from(to, 'base64'))
  bytes.set(keyedMac(key, bytes.subarray(0, length - 32)), length - 32)
  return bytes
}

describe('a datagram that is no message for us is dropped by name', () => {
  test.each<[string, Uint8Array, string]>([
    ['nothing', message(0, 0), 'bad-length'],
    ['three bytes', Buffer.from([4, 0, 0]), 'bad-length'],
    ['an initiation too short', message(1, 147), 'bad-length'],
    ['an initiation too long', message(1, 149), 'bad-length'],
    ['a response too short', message(2, 91), 'bad-length'],
    ['a response too long', message(2, 93), 'bad-length'],
    ['a cookie reply too short', message(3, 63), 'bad-length'],
    ['a cookie reply too long', message(3, 65), 'bad-length'],
    ['a data message without a whole tag', message(4, 31), 'bad-length'],
    ['type 0', message(0, 148), 'bad-type'],
    ['type 5', message(5, 148), 'bad-type'],
    ['type 1 with a reserved byte', message(0x0000_0101, 148), 'bad-type'],
    ['type 4 with the last reserved byte', message(0x8000_0004, 64), 'bad-type'],
    ['an initiation without mac1', message(1, 148), 'bad-mac1'],
    ['a response without mac1', message(2, 92), 'bad-mac1'],
    ['an initiation with mac1 for another', message(1, 148, PUBLIC_A), 'bad-mac1'],
    ['an initiation of zeroes, a point of low order', message(1, 148, PUBLIC_B), 'initiation-not-authentic'],
    ['a response for nothing', message(2, 92, PUBLIC_B), 'unknown-index'],
    ['a cookie reply for nothing', message(3, 64), 'unknown-index'],
    ['a data message of no session', message(4, 32), 'unknown-index'],
  ])('%s: %#', async (_what, bytes, reason) => {
    await using tunnel = await Tunnel.established()
    const before = tunnel.b.layer.peers.list()
    tunnel.b.deliver(bytes, ELSEWHERE)
    expect(tunnel.b.drops()).toEqual({ [reason]: 1 })
    expect(tunnel.b.layer.peers.list()).toEqual(before)
    expect(tunnel.take()).toEqual([])
  })

  test('a cookie reply that is not for our last message', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = () => true
    tunnel.a.send('hello')
    const reply = message(3, 64)
    reply.set(tunnel.last('a', 'initiation').subarray(4, 8), 4)
    tunnel.a.deliver(reply, ELSEWHERE)
    expect(tunnel.a.drops()).toEqual({ 'cookie-not-authentic': 1 })
    expect(tunnel.a.layer.peers.get(PUBLIC_B)?.endpoint).toBe(WIRE_B)
  })

  test('an initiation whose second half is not of the peer of its first half', async () => {
    // Right mac1, right static key, but a timestamp sealed with another secret: that of another private key.
    await using tunnel = await Tunnel.start({ a: { peer: { publicKey: PUBLIC_B } } })
    tunnel.loses = () => true
    tunnel.a.send('hello')
    const bytes = Buffer.from(tunnel.last('a', 'initiation'))
    bytes[90] = (bytes[90] as number) ^ 1
    const key = hash(Buffer.from('mac1----'), Buffer.from(PUBLIC_B, 'base64'))
    bytes.set(keyedMac(key, bytes.subarray(0, 116)), 116)
    tunnel.b.deliver(bytes)
    expect(tunnel.b.drops()).toEqual({ 'initiation-not-authentic': 1 })
    // It was not taken note of: the true one is no replay.
    tunnel.b.deliver(tunnel.last('a', 'initiation'))
    expect(tunnel.b.drops()).toEqual({ 'initiation-not-authentic': 1 })
  })
})

describe('events', () => {
  test('of a life: up, rekeyed, roamed, expired, up again, failed', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(121 * SECOND)
    tunnel.a.send('rekeys')
    tunnel.advanceTo(130 * SECOND)
    tunnel.a.wire.move(ELSEWHERE)
    tunnel.a.send('roams')
    tunnel.advanceTo(400 * SECOND)
    tunnel.a.send('up again')
    tunnel.advanceTo(500 * SECOND)
    tunnel.loses = () => true
    tunnel.a.send('nobody hears')
    tunnel.advanceTo(700 * SECOND)
    const types = (events: readonly string[]): string[] => events.map((event) => event.split(' ').slice(0, 2).join(' '))
    expect(types(tunnel.b.events)).toEqual([
      '0 session-up',
      '121 session-rekeyed',
      '130 roamed',
      '301 session-expired',
      '400 session-up',
      '580 session-expired',
    ])
    expect(types(tunnel.a.events).slice(0, -1)).toEqual([
      '0 session-up',
      '121 session-rekeyed',
      '301 session-expired',
      '400 session-up',
      '580 session-expired',
    ])
    expect(types(tunnel.a.events).at(-1)).toMatch(/ handshake-failed$/)
  })

  test('tell where the peer is', async () => {
    await using tunnel = await Tunnel.established()
    expect(tunnel.b.rawEvents.map((event) => ('endpoint' in event ? `${event.endpoint}` : undefined))).toEqual([WIRE_A])
    expect(tunnel.b.rawEvents[0]?.peer).toEqual({ name: 'a', publicKey: PUBLIC_A })
  })
})

test('a spoofed source inside the tunnel is dropped, and the session goes on', async () => {
  await using tunnel = await Tunnel.established()
  const stranger = publicKeyOf(generatePrivateKey())
  tunnel.b.layer.peers.update(PUBLIC_A, { allowedIps: ['10.0.0.0/24'] })
  tunnel.b.layer.peers.add({ publicKey: stranger, allowedIps: ['10.0.0.7/32'] })
  tunnel.a.sendPacket(
    ...['10.0.0.7', '10.0.1.1', '10.0.0.8'].map((source) => tunnel.a.packet(`from ${source}`, source)),
  )
  tunnel.advance(0)
  expect(tunnel.b.received).toEqual(['from 10.0.0.8'])
  expect(tunnel.b.drops()).toEqual({ 'source-not-allowed': 2 })
})

test('what waits is dropped by name when the stack stops, and the memory given back', async () => {
  const tunnel = await Tunnel.start()
  tunnel.loses = () => true
  tunnel.a.send('one', 'two')
  await tunnel[Symbol.asyncDispose]()
  expect(tunnel.a.drops()).toEqual({ 'device-closed': 2 })
  tunnel.advance(100 * SECOND)
  expect(tunnel.take()).toEqual(['0 a initiation'])
})
