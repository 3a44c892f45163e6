import { describe, expect, test } from 'vitest'
import { PUBLIC_A, PUBLIC_B, SECOND, Tunnel } from '../../../../test/support/tunnel.ts'

const HANDSHAKE = ['a initiation', 'b response', 'a keepalive']
const at = (time: number, ...what: readonly string[]): string[] => what.map((one) => `${time} ${one}`)

describe('passive keepalive', () => {
  test('10 s after data, if nothing was sent since', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(20 * SECOND)
    tunnel.a.send('data')
    tunnel.advance(60 * SECOND)
    expect(tunnel.take()).toEqual(['20 a data', '30 b keepalive'])
  })

  test('is not owed when data went back, and data that came in between brings another', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.a.send('question')
    tunnel.advance(3 * SECOND)
    tunnel.b.send('answer')
    tunnel.advance(5 * SECOND)
    tunnel.b.send('more')
    tunnel.advance(60 * SECOND)
    expect(tunnel.take()).toEqual(['0 a data', '3 b data', '8 b data', '13 a keepalive', '23 a keepalive'])
  })

  test('is an encrypted message of nothing, 32 bytes, and reaches no host', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.a.send('data')
    tunnel.advance(10 * SECOND)
    expect(tunnel.last('b', 'keepalive').length).toBe(32)
    expect(tunnel.a.received).toEqual([])
    expect(tunnel.a.drops()).toEqual({})
  })
})

describe('persistent keepalive', () => {
  test('one at once, which brings the session up, then by its interval; any packet either way puts it off', async () => {
    await using tunnel = await Tunnel.start({ a: { peer: { persistentKeepalive: 25 } } })
    tunnel.advanceTo(60 * SECOND)
    expect(tunnel.take()).toEqual([...at(0, ...HANDSHAKE), '25 a keepalive', '50 a keepalive'])
    tunnel.a.send('data')
    tunnel.advanceTo(100 * SECOND)
    expect(tunnel.take()).toEqual(['60 a data', '70 b keepalive', '95 a keepalive'])
  })

  test('turned on it sends one at once; turned off it stops; changed it takes the new interval', async () => {
    await using tunnel = await Tunnel.established()
    const every = (persistentKeepalive: number): void => tunnel.b.layer.peers.update(PUBLIC_A, { persistentKeepalive })
    tunnel.advanceTo(7 * SECOND)
    every(10)
    tunnel.advanceTo(20 * SECOND)
    expect(tunnel.take()).toEqual(['7 b keepalive', '17 b keepalive'])
    every(4)
    tunnel.advanceTo(32 * SECOND)
    expect(tunnel.take()).toEqual(['27 b keepalive', '31 b keepalive'])
    every(0)
    tunnel.advanceTo(100 * SECOND)
    expect(tunnel.take()).toEqual([])
  })

  test('keeps a session up for good: rekeyed, never expired', async () => {
    await using tunnel = await Tunnel.start({ a: { peer: { persistentKeepalive: 25 } } })
    tunnel.advanceTo(3600 * SECOND)
    const kinds = new Set(tunnel.a.events.map((event) => event.split(' ')[1]))
    expect(kinds).toEqual(new Set(['session-up', 'session-rekeyed']))
    expect(tunnel.a.events.length).toBe(Math.ceil(3600 / 125))
    expect(tunnel.b.drops()).toEqual({})
  })

  test('tries again, an interval after a handshake was given up', async () => {
    await using tunnel = await Tunnel.start({ a: { peer: { persistentKeepalive: 25 } } })
    tunnel.loses = ({ at }) => at < 110 * SECOND
    tunnel.advanceTo(140 * SECOND)
    expect(tunnel.a.events.map((event) => event.split(' ')[1])).toEqual(['handshake-failed', 'session-up'])
    // Keepalives are no packets of anybody: none is dropped.
    expect(tunnel.a.drops()).toEqual({})
  })

  test('goes on though the packet memory was used up when it was due', async () => {
    await using tunnel = await Tunnel.established({ a: { pool: { slots: 4, jumboSlots: 0 } } })
    tunnel.a.layer.peers.update(PUBLIC_B, { persistentKeepalive: 5 })
    tunnel.advance(SECOND)
    const held = tunnel.a.acquireAll()
    tunnel.advanceTo(6 * SECOND)
    for (const packet of held) packet.release()
    tunnel.take()
    tunnel.advanceTo(11 * SECOND)
    expect(tunnel.a.drops()).toEqual({ 'pool-empty': 1 })
    expect(tunnel.take()).toEqual(['10 a keepalive'])
  })

  test('to a peer of unknown whereabouts nothing is computed, let alone sent', async () => {
    await using tunnel = await Tunnel.start({ b: { peer: { persistentKeepalive: 10 } } })
    tunnel.advanceTo(35 * SECOND)
    expect(tunnel.take()).toEqual([])
    expect(tunnel.b.drops()).toEqual({ 'no-endpoint': 4 })
  })
})
