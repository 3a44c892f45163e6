import { readdirSync } from 'node:fs'
import { bind, makeFallback, runtimeWith, stack } from '@millrace/core'
import { loadNative, OPENSSL, SYSTEM_CALLS } from '@millrace/native'
import { afterEach, describe, expect, test } from 'vitest'
import { allowedIps } from '../allowed-ips/allowed-ips.ts'
import { CRYPTO } from '../crypto/crypto.ts'
import { nobleCrypto } from '../crypto/noble.ts'
import { generatePrivateKey } from '../keys.ts'
import { datagram, type Piece, SuperHost, TrainWire } from '../test-support/super-ends.ts'
import { arrived, BUILT, counters, expected, PEERS, remaining, SUPER, Tunnels } from '../test-support/thread-tunnels.ts'
import { wireguard } from '../wireguard.ts'
import { WORKER_SCRIPT } from './worker-script.ts'

const REKEY_AFTER = 121_000

let tunnels: Tunnels
const { system } = loadNative()

describe.skipIf(system === undefined || makeFallback(OPENSSL) === undefined)('threads (needs Linux and koffi)', () => {
  afterEach(() => tunnels.stop())

  test('no nonce is given out twice and none comes before its time, over many batches and sessions, both ways', async () => {
    tunnels = await Tunnels.start()
    const [rounds, perRound, rekeys] = [24, 3, 4]
    for (let round = 1; round <= rounds; round++) {
      tunnels.sendDown(perRound)
      tunnels.sendUp(perRound)
      // While things are under way: the next packet of the side that began the session begins another.
      if (round % (rounds / rekeys) === 2) tunnels.clock.advance(REKEY_AFTER)
      const all = round * perRound
      const isThere = ({ received }: SuperHost, from: number): boolean =>
        received.filter(({ bytes }) => bytes[9] === 17).length >= all * from
      await tunnels.until(() => tunnels.hosts.every((host) => isThere(host, 1)) && isThere(tunnels.host, PEERS.length))
    }
    expect(tunnels.drops()).toEqual({})
    const want = expected(rounds * perRound)
    for (const i of PEERS) {
      const down = arrived(tunnels.hosts[i - 1]?.received ?? [], '10.0.0.100', `10.0.0.${i}`)
      const up = arrived(tunnels.host.received, `10.0.0.${i}`, '10.0.0.100')
      expect([down, up]).toEqual([want, want])
    }
    const sessions = counters(tunnels.wire.sent)
    for (const given of sessions.values()) expect(given).toEqual(given.map((_, n) => n))
    // Two peers, one session at the start and one more for each jump in time.
    expect(sessions.size).toBe(PEERS.length * (1 + rekeys))
    // What is kept: the sessions that a peer may still use, previous and current, both ways.
    expect(tunnels.keys.length).toBeGreaterThanOrEqual(sessions.size * 2)
    expect(remaining(tunnels.keys)).toBeLessThanOrEqual(PEERS.length * 3 * 2)
  })

  test('a train with a forged message in it loses that one, and what comes twice is taken once', async () => {
    tunnels = await Tunnels.start()
    const wire = tunnels.wires[0] as TrainWire
    wire.pass = (piece) => {
      if (piece.segmentSize === 0) return [piece]
      const bytes = piece.bytes.slice()
      bytes[4 * piece.segmentSize + 100] = (bytes[4 * piece.segmentSize + 100] as number) ^ 1
      return [{ ...piece, bytes }, piece]
    }
    tunnels.sendUp(4)
    await tunnels.until(() => tunnels.host.received.filter(({ bytes }) => bytes[9] === 17).length === 8)
    expect(tunnels.drops()).toEqual({ 'not-authentic': 4, replayed: 4 * 39 })
    expect(arrived(tunnels.host.received, '10.0.0.1', '10.0.0.100').bytes).toBe(4 * SUPER)
    expect(arrived(tunnels.host.received, '10.0.0.2', '10.0.0.100')).toEqual(expected(4))
  })

  test('a train of two sessions is taken apart', async () => {
    tunnels = await Tunnels.start()
    const [one, two] = tunnels.wires as [TrainWire, TrainWire]
    let first: Piece | undefined
    one.pass = (piece) => {
      if (piece.segmentSize > 0) first = piece
      return piece.segmentSize > 0 ? [] : [piece]
    }
    two.pass = (piece) => {
      if (piece.segmentSize === 0 || first === undefined) return [piece]
      const four = 4 * piece.segmentSize
      const mixed = Buffer.concat([first.bytes.subarray(0, four), piece.bytes.subarray(0, four)])
      return [{ ...piece, bytes: mixed }, first, piece]
    }
    tunnels.sendUp(1)
    await tunnels.until(() => tunnels.host.received.filter(({ bytes }) => bytes[9] === 17).length === 2)
    expect(arrived(tunnels.host.received, '10.0.0.1', '10.0.0.100')).toEqual(expected(1))
    expect(arrived(tunnels.host.received, '10.0.0.2', '10.0.0.100')).toEqual(expected(1))
    expect(tunnels.drops()).toEqual({ replayed: 8 })
  })

  test('what is little is done at once, by this thread', async () => {
    tunnels = await Tunnels.start()
    tunnels.host.send({ bytes: datagram('now', '10.0.0.100', '10.0.0.1') })
    expect(tunnels.wire.sent.length).toBe(1)
    tunnels.sendDown(2)
    tunnels.host.send({ bytes: datagram('later', '10.0.0.100', '10.0.0.1') })
    expect(tunnels.wire.sent.length).toBe(1)
    await tunnels.until(() => tunnels.wire.sent.length === 2 + 8)
  })

  test('a stop while much is under way gives everything back and wipes every key', async () => {
    tunnels = await Tunnels.start()
    tunnels.sendUp(8)
    tunnels.clock.advance(1)
    tunnels.sendDown(8)
    const sent = tunnels.wire.sent.length
    await tunnels.gateway.stop()
    expect(tunnels.gateway.pool.inUse).toBe(0)
    // What was sealed, or about to be, has left; what came in goes nowhere any more.
    expect(tunnels.wire.sent.length - sent).toBe(32)
    expect(tunnels.drops()).toEqual({ 'device-closed': 2 * 8 * 41 })
  })

  test('a stack that is started again has its threads again', async () => {
    tunnels = await Tunnels.start()
    const wire = new TrainWire('192.0.2.200:1')
    const runtime = runtimeWith(bind(WORKER_SCRIPT, new URL('worker.js', BUILT)))
    const again = stack(wire, { runtime })
      .layer(wireguard({ privateKey: generatePrivateKey(), threads: 2 }))
      .layer(allowedIps())
      .end(new SuperHost())
    for (let run = 0; run < 2; run++) {
      const descriptors = readdirSync('/proc/self/fd').length
      const running = await again.start()
      expect(readdirSync('/proc/self/fd').length).toBeGreaterThan(descriptors)
      await running.stop()
      await tunnels.until(() => readdirSync('/proc/self/fd').length <= descriptors)
    }
  })

  test('a peer that is removed while its packets are under way loses them, and its keys', async () => {
    tunnels = await Tunnels.start()
    tunnels.sendUp(4)
    tunnels.clock.advance(1)
    const [peer] = tunnels.layer.peers.list()
    tunnels.layer.peers.remove(peer?.publicKey as string)
    const { length } = tunnels.keys
    expect(remaining(tunnels.keys)).toBe(length)
    await tunnels.until(() => arrived(tunnels.host.received, '10.0.0.2', '10.0.0.100').texts.length === 4)
    expect(arrived(tunnels.host.received, '10.0.0.1', '10.0.0.100').texts).toEqual([])
    expect(tunnels.drops()).toEqual({ 'unknown-index': 4 * 41 })
    expect(remaining(tunnels.keys)).toBe(length / 2)
  })
})

test.each([
  ['system calls', bind(SYSTEM_CALLS, undefined)],
  ['OpenSSL', bind(OPENSSL, undefined)],
  ['a cipher for other threads', bind(CRYPTO, nobleCrypto)],
])('without %s it is one thread, and says so once', async (_what, binding) => {
  tunnels = await Tunnels.start({ bindings: [binding] })
  expect(tunnels.logged).toEqual([expect.stringMatching(/^wireguard: one thread instead of 3: ./)])
  tunnels.sendDown(2)
  expect(tunnels.wire.sent.length).toBe(8)
  await tunnels.gateway.stop()
})

test.each([0, 65, 1.5, Number.NaN])('%s threads are a mistake', (threads) => {
  expect(() => wireguard({ threads })).toThrow('wireguard threads: expected a number from 1 to 64')
})
