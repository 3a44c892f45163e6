import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { bind, CLOCK, LOGGER, makeFallback, RANDOM, type RunningStack, runtimeWith, stack } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/core/testing'
import { loadNative, OPENSSL, type OpenSsl, SYSTEM_CALLS } from '@millrace/native'
import { afterEach, describe, expect, test } from 'vitest'
import { allowedIps } from '../allowed-ips/allowed-ips.ts'
import { type AeadKey, CRYPTO, type CryptoProvider, chooseCrypto } from '../crypto/crypto.ts'
import { nobleCrypto } from '../crypto/noble.ts'
import { generatePrivateKey, publicKeyOf } from '../keys.ts'
import {
  datagram,
  HEADERS,
  type Piece,
  SIZE,
  SuperHost,
  stream,
  superPacket,
  TrainWire,
} from '../test-support/super-ends.ts'
import { type WireguardLayer, wireguard } from '../wireguard.ts'
import { WORKER_SCRIPT } from './worker-script.ts'

/** Node runs no TypeScript here: the worker is the built one. */
const BUILT = new URL('../../dist/threads/', import.meta.url)
const SUPER = 40 * SIZE
const REKEY_AFTER = 121_000
const PEERS = [1, 2]

interface Setup {
  readonly threads?: number
  readonly script?: URL
  readonly bindings?: readonly ReturnType<typeof bind>[]
}

/** A gateway with threads and two peers without, in memory, on one virtual clock. */
class Tunnels {
  readonly clock: VirtualClock = new VirtualClock()
  readonly host = new SuperHost()
  readonly wire = new TrainWire('192.0.2.100:1')
  readonly hosts = PEERS.map(() => new SuperHost())
  readonly wires = PEERS.map((i) => new TrainWire(`192.0.2.${i}:1`))
  readonly logged: string[] = []
  /** Every key that the gateway has had. */
  readonly keys: AeadKey[] = []
  #layer: WireguardLayer | undefined
  readonly #running: RunningStack[] = []
  readonly #sent = PEERS.map(() => ({ down: 0, up: 0 }))

  static async start({ threads = 3, script, bindings = [] }: Setup = {}): Promise<Tunnels> {
    const tunnels = new Tunnels()
    const [gatewayKey, ...peerKeys] = [generatePrivateKey(), ...PEERS.map(() => generatePrivateKey())] as [string]
    const write = (_fields: object, message: string): void => void tunnels.logged.push(message)
    const runtime = (i: number, ...more: readonly ReturnType<typeof bind>[]): ReturnType<typeof runtimeWith> =>
      runtimeWith(
        bind(CLOCK, tunnels.clock),
        bind(RANDOM, new SeededRandom(i + 1)),
        bind(LOGGER, { debug() {}, info() {}, warn: write, error: write }),
        ...more,
      )
    const others = peerKeys.map((key, i) => ({
      publicKey: publicKeyOf(key),
      endpoint: `192.0.2.${i + 1}:1`,
      allowedIps: [`10.0.0.${i + 1}/32`],
    }))
    const real = chooseCrypto()
    const watched: CryptoProvider = {
      ...real,
      aead: (key) => {
        const made = real.aead(key)
        tunnels.keys.push(made)
        return made
      },
    }
    const worker = bind(WORKER_SCRIPT, script ?? new URL('worker.js', BUILT))
    tunnels.#layer = wireguard({ privateKey: gatewayKey, peers: others, threads })
    const gateway = await stack(tunnels.wire, { runtime: runtime(0, worker, bind(CRYPTO, watched), ...bindings) })
      .layer(tunnels.layer)
      .layer(allowedIps())
      .end(tunnels.host)
      .start()
    tunnels.#running.push(gateway)
    for (const [i, key] of peerKeys.entries()) {
      const wire = tunnels.wires[i] as TrainWire
      wire.other = tunnels.wire
      tunnels.wire.others.set(`192.0.2.${i + 1}:1`, wire)
      const peer = { publicKey: publicKeyOf(gatewayKey), endpoint: '192.0.2.100:1', allowedIps: ['10.0.0.100/32'] }
      const running = await stack(wire, { runtime: runtime(i + 1) })
        .layer(wireguard({ privateKey: key, peers: [peer] }))
        .layer(allowedIps())
        .end(tunnels.hosts[i] as SuperHost)
        .start()
      tunnels.#running.push(running)
      ;(tunnels.hosts[i] as SuperHost).send({ bytes: datagram('first', `10.0.0.${i + 1}`, '10.0.0.100') })
    }
    await tunnels.until(() => tunnels.host.received.length === PEERS.length)
    tunnels.host.received.length = 0
    tunnels.wire.sent.length = 0
    return tunnels
  }

  get layer(): WireguardLayer {
    return this.#layer as WireguardLayer
  }

  get gateway(): RunningStack {
    return this.#running[0] as RunningStack
  }

  /** Turns of the event loop, with next to no virtual time, until something is so. */
  async until(isSo: () => boolean): Promise<void> {
    for (let turn = 0; !isSo(); turn++) {
      if (turn === 500_000) throw new Error(`it never came: ${JSON.stringify(this.drops())}`)
      this.clock.advance(0.001)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** `count` super-packets to each peer in one batch, each with a single packet behind it; in all of `count` * 2 * 41. */
  sendDown(count: number): void {
    const packets = []
    for (let n = 0; n < count; n++) {
      for (const [i, sent] of this.#sent.entries())
        packets.push(...this.#next(`10.0.0.100`, `10.0.0.${i + 1}`, sent.down++))
    }
    this.host.send(...packets)
  }

  /** The same from each peer. */
  sendUp(count: number): void {
    for (const [i, sent] of this.#sent.entries()) {
      const packets = []
      for (let n = 0; n < count; n++) packets.push(...this.#next(`10.0.0.${i + 1}`, '10.0.0.100', sent.up++))
      this.hosts[i]?.send(...packets)
    }
  }

  #next(source: string, destination: string, n: number): { bytes: Uint8Array; segmentSize?: number }[] {
    const { segments } = stream(SUPER, { source, destination, sourcePort: 5000 + (n % 100) })
    return [superPacket(segments), { bytes: datagram(`number ${n}`, source, destination) }]
  }

  drops(): Record<string, number> {
    return Object.fromEntries(this.gateway.drops().map(({ reason, packets }) => [reason, packets]))
  }

  async stop(): Promise<void> {
    for (const running of this.#running) {
      await running.stop()
      expect(running.pool.inUse).toBe(0)
    }
    expect(remaining(this.keys)).toBe(0)
  }
}

/** The code of a worker that takes a job, and then does something else. */
function worker(instead: string): URL {
  const ring = new URL('job-ring.js', BUILT)
  const code = `import { workerData } from 'node:worker_threads'
    import { JobRing, NONE } from '${ring}'
    const ring = new JobRing(workerData.ring)
    while (ring.claim() === NONE) {}
    ${instead}`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}

/** The counters of all messages, session by session, in the order in which they left. */
function counters(pieces: readonly Piece[]): Map<number, number[]> {
  const sessions = new Map<number, number[]>()
  for (const { bytes, segmentSize } of pieces) {
    for (let at = 0; at < bytes.length; at += segmentSize || bytes.length) {
      const message = Buffer.from(bytes.subarray(at))
      if (message[0] !== 4) continue
      const index = message.readUInt32LE(4)
      const given = sessions.get(index) ?? []
      sessions.set(index, given)
      given.push(Number(message.readBigUInt64LE(8)))
    }
  }
  return sessions
}

/** How many of the keys still lie in memory. */
function remaining(keys: readonly AeadKey[]): number {
  const { memoryAt } = makeFallback(OPENSSL) as OpenSsl
  return keys.filter(({ address }) => memoryAt(address as number, 32).some((byte) => byte !== 0)).length
}

/** Bytes that came by TCP, how many and their hash, and the texts that came by UDP. */
interface Arrived {
  readonly bytes: number
  readonly digest: string
  readonly texts: readonly string[]
}

function summary(bytes: Uint8Array): Pick<Arrived, 'bytes' | 'digest'> {
  return { bytes: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') }
}

/** The payloads of TCP joined, and the texts of the datagrams, from one host to another, in the order of arrival. */
function arrived(pieces: readonly Piece[], source: string, destination: string): Arrived {
  const tcp: Uint8Array[] = []
  const texts: string[] = []
  for (const { bytes } of pieces) {
    const address = (at: number): string => bytes.subarray(at, at + 4).join('.')
    if (address(12) !== source || address(16) !== destination) continue
    if (bytes[9] === 6) tcp.push(bytes.subarray(HEADERS))
    else texts.push(Buffer.from(bytes.subarray(28)).toString())
  }
  return { ...summary(Buffer.concat(tcp)), texts }
}

/** What {@link arrived} must be after `count`. */
function expected(count: number): Arrived {
  const numbers = Array.from({ length: count }, (_, n) => n)
  return {
    ...summary(Buffer.concat(numbers.map((n) => stream(SUPER, { sourcePort: 5000 + (n % 100) }).data))),
    texts: numbers.map((n) => `number ${n}`),
  }
}

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

  test('when a worker gets stuck the queue fills, and what is more is dropped by name', async () => {
    tunnels = await Tunnels.start({
      threads: 2,
      script: worker('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'),
    })
    await tunnels.until(() => {
      tunnels.sendDown(2)
      return (tunnels.drops()['worker-queue-full'] ?? 0) > 0
    })
    await tunnels.gateway.stop()
    expect(tunnels.drops()['worker-lost']).toBeGreaterThan(0)
    expect(tunnels.gateway.pool.inUse).toBe(0)
  })

  test('when a worker dies this thread goes on alone, and says so once', async () => {
    tunnels = await Tunnels.start({ script: worker('throw new Error("dead")') })
    await tunnels.until(() => {
      if (tunnels.logged.length === 0) tunnels.sendDown(1)
      return tunnels.logged.length > 0 && tunnels.gateway.pool.inUse === 0
    })
    expect(tunnels.logged).toEqual(['wireguard: a worker has died; going on with one thread'])
    const lost = tunnels.drops()['worker-lost'] ?? 0
    const sent = tunnels.wire.sent.length
    tunnels.sendDown(2)
    expect(tunnels.wire.sent.length - sent).toBe(8)
    expect(tunnels.drops()).toEqual(lost === 0 ? {} : { 'worker-lost': lost })
    for (const given of counters(tunnels.wire.sent).values()) {
      expect(given).toEqual([...new Set(given)].sort((a, b) => a - b))
    }
  })

  test('where the code of a worker is not to be found, the same', async () => {
    tunnels = await Tunnels.start({ script: new URL('none.js', BUILT) })
    await tunnels.until(() => tunnels.logged.length > 0)
    tunnels.sendDown(2)
    await tunnels.until(() => tunnels.wire.sent.length === 8)
    expect(tunnels.logged).toEqual(['wireguard: a worker has died; going on with one thread'])
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
