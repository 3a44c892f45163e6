import { ConfigurationError } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { PUBLIC_A, PUBLIC_B, SECOND, Tunnel, WIRE_A, WIRE_B } from '../../../test/support/tunnel.ts'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from './keys.ts'

const ELSEWHERE = '192.0.2.7:7'
const other = publicKeyOf(generatePrivateKey())

describe('status', () => {
  test('of a peer that has not been heard of', async () => {
    await using tunnel = await Tunnel.start({
      a: { peer: { persistentKeepalive: 25, allowedIps: ['fd00::1', '10.0.0.2/31'] } },
      b: { peer: false },
    })
    tunnel.loses = () => true
    expect(tunnel.a.layer.peers.list()).toEqual([
      {
        name: 'b',
        publicKey: PUBLIC_B,
        endpoint: WIRE_B,
        allowedIps: ['fd00::1/128', '10.0.0.2/31'],
        persistentKeepalive: 25,
        latestHandshake: undefined,
        receivedBytes: 0,
        sentBytes: 148,
        isUp: false,
      },
    ])
    expect([tunnel.a.layer.publicKey, tunnel.b.layer.peers.list()]).toEqual([PUBLIC_A, []])
  })

  test('of one with a session, on both sides', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.advance(90 * SECOND)
    tunnel.a.send('hello')
    tunnel.advance(0)
    const latestHandshake = Date.UTC(2026, 0, 1) + 90 * SECOND
    expect(tunnel.a.layer.peers.get(PUBLIC_B)).toMatchObject({
      latestHandshake,
      isUp: true,
      sentBytes: 148 + 64,
      receivedBytes: 92,
    })
    expect(tunnel.b.layer.peers.get(PUBLIC_A)).toMatchObject({ latestHandshake, isUp: true, endpoint: WIRE_A })
    tunnel.advance(181 * SECOND)
    expect(tunnel.a.layer.peers.get(PUBLIC_B)).toMatchObject({ latestHandshake, isUp: false })
  })

  test('a peer without a name is called by the beginning of its key', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.a.layer.peers.add({ publicKey: other, allowedIps: [] })
    expect(tunnel.a.layer.peers.get(other)?.name).toBe(`${other.slice(0, 8)}…`)
    expect(tunnel.a.layer.peers.get('nobody')).toBeUndefined()
  })
})

describe('while traffic flows', () => {
  /** A sends to B each second; `change` comes after 5 s. Gives back how many of the packets B had, before and after. */
  async function flow(tunnel: Tunnel, change: () => void): Promise<[number, number]> {
    const seconds = (count: number): void => {
      for (let i = 0; i < count; i++) {
        tunnel.a.send('data')
        tunnel.advance(SECOND)
      }
    }
    seconds(5)
    const before = tunnel.b.received.length
    change()
    seconds(20)
    return [before, tunnel.b.received.length - before]
  }

  test('a peer added on both sides works at once, and the one there is not disturbed', async () => {
    await using tunnel = await Tunnel.established()
    const counts = await flow(tunnel, () => {
      tunnel.b.layer.peers.add({ publicKey: other, allowedIps: ['10.0.0.3/32'], endpoint: ELSEWHERE })
      tunnel.b.sendPacket(tunnel.b.packet('for the new one', '10.0.0.2', '10.0.0.3'))
    })
    expect(counts).toEqual([5, 20])
    expect(tunnel.take()).toContain('5 b initiation')
  })

  test('one added where there was none: the handshake that was in vain succeeds at the next attempt', async () => {
    await using tunnel = await Tunnel.start({ b: { peer: false } })
    const [before, after] = await flow(tunnel, () => {
      tunnel.b.layer.peers.add({ publicKey: PUBLIC_A, allowedIps: ['10.0.0.1/32'] })
    })
    expect([before, after]).toEqual([0, 25])
  })

  test('one removed is gone at once, with its keys, its prefixes and what waited for it', async () => {
    await using tunnel = await Tunnel.established()
    const counts = await flow(tunnel, () => {
      expect(tunnel.b.layer.peers.remove(PUBLIC_A)).toBe(true)
      expect(tunnel.b.layer.peers.remove(PUBLIC_A)).toBe(false)
    })
    expect(counts).toEqual([5, 0])
    expect(tunnel.b.layer.peers.list()).toEqual([])
    tunnel.b.send('to whom?')
    const { 'unknown-index': unknown, 'unknown-peer': peers, ...rest } = tunnel.b.drops()
    expect([unknown, (peers as number) > 0, rest]).toEqual([20, true, { 'no-peer-for-destination': 1 }])
  })

  test('one removed and added again needs a new handshake, and gets it', async () => {
    await using tunnel = await Tunnel.established()
    const [, after] = await flow(tunnel, () => {
      tunnel.b.layer.peers.remove(PUBLIC_A)
      tunnel.b.layer.peers.add({ publicKey: PUBLIC_A, allowedIps: ['10.0.0.1/32'] })
    })
    // A notices after 15 s that nobody answers.
    expect(after).toBeGreaterThanOrEqual(4)
    expect(tunnel.b.events.at(-1)).toMatch(/session-up/)
  })

  test('another pre-shared key leaves the session as it is and counts from the next handshake on', async () => {
    await using tunnel = await Tunnel.established()
    const presharedKey = generatePresharedKey()
    const counts = await flow(tunnel, () => tunnel.b.layer.peers.update(PUBLIC_A, { presharedKey }))
    expect(counts).toEqual([5, 20])
    tunnel.advanceTo(121 * SECOND)
    tunnel.a.send('rekeys')
    tunnel.advance(SECOND)
    expect(tunnel.a.drops()).toEqual({ 'response-not-authentic': 1 })
    tunnel.a.layer.peers.update(PUBLIC_B, { presharedKey })
    tunnel.advance(6 * SECOND)
    expect(tunnel.a.events.at(-1)).toMatch(/session-rekeyed/)
  })

  test('other allowed IPs count for the next packet, both ways', async () => {
    await using tunnel = await Tunnel.established()
    const counts = await flow(tunnel, () => tunnel.b.layer.peers.update(PUBLIC_A, { allowedIps: ['10.0.0.9/32'] }))
    expect(counts).toEqual([5, 0])
    tunnel.b.sendPacket(tunnel.b.packet('there', '10.0.0.2', '10.0.0.9'), tunnel.b.packet('not there'))
    tunnel.advance(0)
    expect(tunnel.a.drops()).toEqual({})
    expect(tunnel.b.drops()).toEqual({ 'source-not-allowed': 20, 'no-peer-for-destination': 1 })
    expect(tunnel.a.received).toEqual(['there'])
  })

  test('another endpoint counts for the next packet, until the peer speaks from elsewhere', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.a.layer.peers.update(PUBLIC_B, { endpoint: ELSEWHERE })
    const to: string[] = []
    const { eavesdrop } = tunnel.network
    tunnel.network.eavesdrop = (datagram) => {
      to.push(`${datagram.to}`)
      eavesdrop?.(datagram)
    }
    tunnel.a.send('into the void')
    tunnel.b.send('here I am')
    tunnel.advance(0)
    tunnel.a.send('found')
    tunnel.advance(0)
    expect(to).toEqual([ELSEWHERE, WIRE_A, WIRE_B])
    expect(tunnel.b.received).toEqual(['found'])
    expect(tunnel.a.events).toEqual(['0 session-up b', '0 roamed b'])
  })

  test('another name is what events say from then on', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.b.layer.peers.update(PUBLIC_A, { name: 'laptop' })
    tunnel.advance(180 * SECOND)
    expect(tunnel.b.events).toEqual(['0 session-up a', '180 session-expired laptop'])
  })

  test('a prefix that another peer had moves', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.b.layer.peers.add({ publicKey: other, allowedIps: ['10.0.0.1/32'], name: 'thief' })
    expect(tunnel.b.layer.peers.list().map(({ name, allowedIps }) => [name, allowedIps])).toEqual([
      ['a', []],
      ['thief', ['10.0.0.1/32']],
    ])
  })
})

describe('a change that is wrong changes nothing', () => {
  test.each<[string, (tunnel: Tunnel) => void, string]>([
    [
      'a peer that is there',
      ({ b }) => b.layer.peers.add({ publicKey: PUBLIC_A, allowedIps: ['10.0.0.9/32'] }),
      `peer ${PUBLIC_A}: there already`,
    ],
    [
      'our own key',
      ({ b }) => b.layer.peers.add({ publicKey: PUBLIC_B, allowedIps: ['10.0.0.1/32'] }),
      `peer ${PUBLIC_B}: that is this device's own public key`,
    ],
    [
      'a wrong prefix',
      ({ b }) => b.layer.peers.add({ publicKey: other, allowedIps: ['10.0.0.1/32', 'x'] }),
      `peer ${other} allowedIps: expected an IPv4 or IPv6 address, got "x"`,
    ],
    ['a peer that is not there', ({ b }) => b.layer.peers.update(other, {}), `peer ${other}: not known`],
    [
      'a wrong change',
      ({ b }) => b.layer.peers.update(PUBLIC_A, { allowedIps: [], endpoint: 'x' }),
      `peer ${PUBLIC_A} endpoint: expected ADDRESS:PORT or [IPV6]:PORT, got "x"`,
    ],
  ])('%s', async (_what, change, message) => {
    await using tunnel = await Tunnel.established()
    const before = tunnel.b.layer.peers.list()
    expect(() => change(tunnel)).toThrow(new ConfigurationError(message))
    expect(tunnel.b.layer.peers.list()).toEqual(before)
    tunnel.a.send('still there')
    tunnel.advance(0)
    expect(tunnel.b.received).toEqual(['still there'])
  })
})

test('peers can be changed before the stack starts and after it has stopped', async () => {
  await using tunnel = await Tunnel.start({ a: { peer: false } })
  await tunnel.a.stop()
  tunnel.a.layer.peers.add({
    publicKey: PUBLIC_B,
    endpoint: WIRE_B,
    allowedIps: ['10.0.0.2/32'],
    persistentKeepalive: 25,
  })
  tunnel.advance(60 * SECOND)
  expect(tunnel.take()).toEqual([])
  await tunnel.a.start()
  tunnel.advance(0)
  expect(tunnel.take()).toEqual(['60 a initiation', '60 b response', '60 a keepalive'])
})
