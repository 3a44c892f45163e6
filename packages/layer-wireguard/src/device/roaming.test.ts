import { describe, expect, test } from 'vitest'
import { PUBLIC_A, PUBLIC_B, SECOND, Tunnel, WIRE_A } from '../../../../test/support/tunnel.ts'

const ELSEWHERE = '198.51.100.9:9'

describe('roaming: the endpoint is where the last authenticated message came from', () => {
  test.each<[string, (tunnel: Tunnel) => void]>([
    ['data', (tunnel) => tunnel.a.send('data')],
    ['a keepalive', (tunnel) => tunnel.a.layer.peers.update(PUBLIC_B, { persistentKeepalive: 100 })],
    ['data with a source that is not allowed', (tunnel) => tunnel.a.sendPacket(tunnel.a.packet('spoofed', '10.9.9.9'))],
    [
      'an initiation',
      (tunnel) => {
        tunnel.loses = ({ kind }) => kind !== 'initiation'
        tunnel.advanceTo(181 * SECOND)
        tunnel.a.send('waits')
      },
    ],
  ])('%s', async (_what, send) => {
    await using tunnel = await Tunnel.established()
    tunnel.a.wire.move(ELSEWHERE)
    send(tunnel)
    tunnel.advance(0)
    expect(tunnel.b.layer.peers.get(PUBLIC_A)?.endpoint).toBe(ELSEWHERE)
    const roamed = tunnel.b.rawEvents.filter((event) => event.type === 'roamed')
    expect(roamed.map(({ from, to, peer }) => `${peer.name} ${from} ${to}`)).toEqual([`a ${WIRE_A} ${ELSEWHERE}`])
  })

  test('a response', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.b.wire.move(ELSEWHERE)
    tunnel.loses = ({ kind }) => kind !== 'initiation'
    tunnel.a.send('hello')
    tunnel.b.deliver(tunnel.last('a', 'initiation'))
    tunnel.a.deliver(tunnel.last('b', 'response'), ELSEWHERE)
    expect(tunnel.a.layer.peers.get(PUBLIC_B)?.endpoint).toBe(ELSEWHERE)
    expect(tunnel.a.events).toEqual(['0 roamed b', '0 session-up b'])
  })

  test('what is sent next goes there, and the session goes on', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.a.wire.move(ELSEWHERE)
    tunnel.a.send('here I am')
    tunnel.advance(0)
    tunnel.b.send('I see')
    tunnel.advance(0)
    expect(tunnel.a.received).toEqual(['I see'])
    expect(tunnel.take()).toEqual(['0 a data', '0 b data'])
  })

  test('to IPv6 and back', async () => {
    await using tunnel = await Tunnel.established()
    for (const address of ['[2001:db8::9]:7', WIRE_A]) {
      tunnel.a.wire.move(address)
      tunnel.a.send('moved')
      tunnel.advance(0)
      expect(tunnel.b.layer.peers.get(PUBLIC_A)?.endpoint).toBe(address)
    }
  })

  test('the same port elsewhere and another port there are both another place; the same place is none', async () => {
    await using tunnel = await Tunnel.established()
    for (const address of ['192.0.2.1:1002', '192.0.2.3:1002', '192.0.2.3:1002']) {
      tunnel.a.wire.move(address)
      tunnel.a.send('moved')
      tunnel.advance(0)
    }
    expect(tunnel.b.events).toEqual(['0 session-up a', '0 roamed a', '0 roamed a'])
  })
})
