import { describe, expect, test } from 'vitest'
import { PUBLIC_A, PUBLIC_B, SECOND, type Sent, Tunnel } from '../../../../test/support/tunnel.ts'

const HANDSHAKE = ['a initiation', 'b response', 'a keepalive']
const everything = (): boolean => true
const from =
  (end: string) =>
  ({ from }: Sent): boolean =>
    from === end
const at = (time: number, ...what: readonly string[]): string[] => what.map((one) => `${time} ${one}`)

describe('rekey', () => {
  test('the initiator begins a new session when it sends after more than 120 s', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(119.9 * SECOND)
    tunnel.a.send('before')
    tunnel.advance(0)
    expect(tunnel.take()).toEqual(at(119.9, 'a data'))
    tunnel.advanceTo(120.1 * SECOND)
    tunnel.a.send('after')
    tunnel.advance(0)
    expect(tunnel.take()).toEqual(at(120.1, 'a initiation', 'a data', 'b response', 'a keepalive'))
    expect(tunnel.b.received).toEqual(['before', 'after'])
    expect(tunnel.a.events).toEqual(['0 session-up b', '120.1 session-rekeyed b'])
    expect(tunnel.b.events).toEqual(['0 session-up a', '120.1 session-rekeyed a'])
  })

  test('the responder does not, however much it sends', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(121 * SECOND)
    for (let i = 0; i < 5; i++) tunnel.b.send('from the responder')
    tunnel.advance(0)
    expect(tunnel.take()).toEqual(at(121, ...Array(5).fill('b data')))
  })

  test('the initiator does when it only receives, from 165 s on, once for each session', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.loses = from('a')
    tunnel.advanceTo(165 * SECOND)
    tunnel.b.send('not yet')
    tunnel.advanceTo(165.1 * SECOND)
    tunnel.b.send('now')
    tunnel.advanceTo(165.2 * SECOND)
    tunnel.b.send('again')
    tunnel.advance(0)
    expect(tunnel.take()).toEqual(['165 b data', ...at(165.1, 'b data', 'a initiation'), '165.2 b data'])
    tunnel.loses = () => false
    tunnel.advanceTo(172 * SECOND)
    expect(tunnel.take().map((line) => line.split(' ').slice(1).join(' '))).toEqual(HANDSHAKE)
  })

  test('and so again in the next session', async () => {
    await using tunnel = await Tunnel.established()
    for (const time of [166, 332, 498]) {
      tunnel.advanceTo(time * SECOND)
      tunnel.take()
      tunnel.b.send('data')
      tunnel.advance(0)
      expect(tunnel.take()).toEqual(at(time, 'b data', ...HANDSHAKE))
    }
  })

  test('packets under way with the old keys still arrive after the new session stands', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(130 * SECOND)
    tunnel.loses = ({ kind }) => kind === 'data'
    tunnel.a.send('late')
    tunnel.advance(SECOND)
    tunnel.b.send('answer')
    expect(tunnel.b.events.at(-1)).toBe('130 session-rekeyed a')
    tunnel.b.deliver(tunnel.last('a', 'data'))
    expect(tunnel.b.received).toEqual(['late'])
  })
})

describe('reject', () => {
  test('a session is not sent with from 180 s on: whoever has something to send begins a new one', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(180 * SECOND)
    tunnel.b.send('late')
    tunnel.advance(0)
    expect(tunnel.take()).toEqual(at(180, 'b initiation', 'a response', 'b data'))
    expect(tunnel.a.received).toEqual(['late'])
    const events = (name: string): string[] => [
      `0 session-up ${name}`,
      ...at(180, 'session-expired', 'session-up').map((e) => `${e} ${name}`),
    ]
    expect(tunnel.a.events).toEqual(events('b'))
    expect(tunnel.b.events).toEqual(events('a'))
  })

  test('nor received with', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(179 * SECOND)
    tunnel.loses = from('b')
    tunnel.b.send('in time')
    const inTime = tunnel.last('b', 'data')
    tunnel.b.send('too late')
    tunnel.advanceTo(180 * SECOND - 1)
    tunnel.a.deliver(inTime)
    tunnel.advance(1)
    tunnel.a.deliver(tunnel.last('b', 'data'))
    expect(tunnel.a.received).toEqual(['in time'])
    expect(tunnel.a.drops()).toEqual({ 'session-expired': 1 })
    expect(tunnel.a.events.at(-1)).toBe('180 session-expired b')
  })
})

describe('retry', () => {
  test('every 5 s and up to a third more, 20 times in all; then it is given up and what waits is dropped', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = everything
    tunnel.a.send('one', 'two', 'three')
    tunnel.advance(110 * SECOND)
    const times = tunnel.sent.map((sent) => sent.at)
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number))
    expect(gaps.length).toBe(19)
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(5000)
      expect(gap).toBeLessThan(5334)
    }
    expect(new Set(gaps).size).toBeGreaterThan(10)
    expect(new Set(tunnel.take().map((line) => line.split(' ')[2]))).toEqual(new Set(['initiation']))
    expect(new Set(tunnel.sent.map(({ bytes }) => Buffer.from(bytes.subarray(4, 40)).toString('hex'))).size).toBe(20)
    expect(tunnel.a.rawEvents).toMatchObject([{ type: 'handshake-failed', attempts: 20, peer: { name: 'b' } }])
    expect(tunnel.a.drops()).toEqual({ 'handshake-failed': 3 })
    tunnel.advance(600 * SECOND)
    expect(tunnel.take()).toEqual([])
  })

  test('the network comes back: the next attempt succeeds and delivers what waits', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = ({ at }) => at < 12 * SECOND
    tunnel.a.send('one', 'two')
    tunnel.advance(20 * SECOND)
    expect(tunnel.b.received).toEqual(['one', 'two'])
    const attempts = tunnel.sent.filter(({ kind }) => kind === 'initiation')
    expect(attempts.length).toBe(4)
  })

  test('more to send counts the attempts from the beginning, but makes none within 5 s of the last', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = everything
    for (let i = 0; i < 120; i++) {
      tunnel.a.send('again')
      tunnel.advance(SECOND)
    }
    expect(tunnel.a.events).toEqual([])
    expect(tunnel.sent.length).toBeLessThanOrEqual(24)
    expect(tunnel.sent.length).toBeGreaterThanOrEqual(22)
  })
})

describe('new handshake', () => {
  test('15 s and up to a third more after data that nothing answered', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(20 * SECOND)
    tunnel.loses = everything
    tunnel.a.send('lost')
    tunnel.advance(5 * SECOND)
    tunnel.a.send('lost too')
    tunnel.advanceTo(36 * SECOND)
    const initiation = tunnel.sent.find(({ at, kind }) => at > 0 && kind === 'initiation')
    expect(initiation?.at).toBeGreaterThanOrEqual(35 * SECOND)
    expect(initiation?.at).toBeLessThan(35 * SECOND + 334)
  })

  test.each([
    ['a keepalive', (tunnel: Tunnel) => tunnel.b.layer.peers.update(PUBLIC_A, { persistentKeepalive: 100 })],
    ['data', (tunnel: Tunnel) => tunnel.b.send('answer')],
  ])('not if %s came', async (_what, answer) => {
    await using tunnel = await Tunnel.established()
    tunnel.loses = from('a')
    tunnel.a.send('lost')
    tunnel.advance(14 * SECOND)
    answer(tunnel)
    tunnel.advance(10 * SECOND)
    expect(tunnel.take().filter((line) => line.includes('initiation'))).toEqual([])
  })

  test('not if the other end began one meanwhile: its initiation has proved that it lives', async () => {
    await using tunnel = await Tunnel.established()
    tunnel.advanceTo(121 * SECOND)
    tunnel.loses = from('b')
    tunnel.b.send('unanswered')
    tunnel.advance(9 * SECOND)
    tunnel.loses = ({ from, kind }) => from === 'a' && kind !== 'initiation'
    tunnel.a.send('lost, but it brings an initiation')
    tunnel.advance(0)
    tunnel.loses = everything
    tunnel.take()
    tunnel.advanceTo(121 * SECOND + 16 * SECOND)
    expect(tunnel.take().filter((line) => line.includes('b initiation'))).toEqual([])
  })

  test('also for what waited for the session and went out when it was confirmed', async () => {
    await using tunnel = await Tunnel.start()
    tunnel.loses = ({ from, kind }) => from === 'a' && kind === 'keepalive'
    tunnel.a.layer.peers.update(PUBLIC_B, { persistentKeepalive: 1000 })
    tunnel.advance(SECOND)
    tunnel.b.send('waits for the session to be confirmed')
    tunnel.advance(SECOND)
    expect(tunnel.take()).toEqual(at(0, ...HANDSHAKE))
    tunnel.loses = from('b')
    tunnel.a.send('confirms')
    tunnel.advance(0)
    expect(tunnel.take()).toEqual(at(2, 'a data', 'b data'))
    tunnel.advanceTo(18 * SECOND)
    expect(tunnel.take().filter((line) => line.includes('b initiation')).length).toBe(1)
  })
})

describe('wiping', () => {
  test('540 s after the last session was made nothing is left of it', async () => {
    await using tunnel = await Tunnel.established()
    const old = tunnel.last('a', 'keepalive')
    tunnel.advanceTo(540 * SECOND - 1)
    expect(tunnel.b.peer.keypairs.current).toBeDefined()
    tunnel.b.deliver(old)
    expect(tunnel.b.drops()).toEqual({ 'session-expired': 1 })
    tunnel.advance(1)
    expect(tunnel.b.peer.keypairs.current).toBeUndefined()
    tunnel.b.deliver(old)
    expect(tunnel.b.drops()).toEqual({ 'session-expired': 1, 'unknown-index': 1 })
    tunnel.a.send('a new session')
    tunnel.advance(0)
    expect(tunnel.b.received).toEqual(['a new session'])
  })
})
