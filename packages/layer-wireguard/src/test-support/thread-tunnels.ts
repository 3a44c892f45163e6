import { createHash } from 'node:crypto'
import { bind, CLOCK, LOGGER, makeFallback, RANDOM, type RunningStack, runtimeWith, stack } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/core/testing'
import { OPENSSL, type OpenSsl } from '@millrace/native'
import { expect } from 'vitest'
import { allowedIps } from '../allowed-ips/allowed-ips.ts'
import { type AeadKey, CRYPTO, type CryptoProvider, chooseCrypto } from '../crypto/crypto.ts'
import { generatePrivateKey, publicKeyOf } from '../keys.ts'
import { WORKER_SCRIPT } from '../threads/worker-script.ts'
import { type WireguardLayer, wireguard } from '../wireguard.ts'
import { datagram, HEADERS, type Piece, SIZE, SuperHost, stream, superPacket, TrainWire } from './super-ends.ts'

/** Node runs no TypeScript here: the worker is the built one. */
export const BUILT: URL = new URL('../../dist/threads/', import.meta.url)
/** Bytes of a stream that one super-packet carries. */
export const SUPER: number = 40 * SIZE
export const PEERS: readonly number[] = [1, 2]

export interface Setup {
  readonly threads?: number
  readonly script?: URL
  readonly bindings?: readonly ReturnType<typeof bind>[]
}

/** Some ten seconds: a worker may have to wait for a core. */
const TURNS = 5_000_000

/** A gateway with threads and two peers without, in memory, on one virtual clock. */
export class Tunnels {
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
      if (turn === TURNS) throw new Error(`it never came: ${JSON.stringify(this.drops())}`)
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

/** The counters of all messages, session by session, in the order in which they left. */
export function counters(pieces: readonly Piece[]): Map<number, number[]> {
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
export function remaining(keys: readonly AeadKey[]): number {
  const { memoryAt } = makeFallback(OPENSSL) as OpenSsl
  return keys.filter(({ address }) => memoryAt(address as number, 32).some((byte) => byte !== 0)).length
}

/** Bytes that came by TCP, how many and their hash, and the texts that came by UDP. */
export interface Arrived {
  readonly bytes: number
  readonly digest: string
  readonly texts: readonly string[]
}

function summary(bytes: Uint8Array): Pick<Arrived, 'bytes' | 'digest'> {
  return { bytes: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') }
}

/** The payloads of TCP joined, and the texts of the datagrams, from one host to another, in the order of arrival. */
export function arrived(pieces: readonly Piece[], source: string, destination: string): Arrived {
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
export function expected(count: number): Arrived {
  const numbers = Array.from({ length: count }, (_, n) => n)
  return {
    ...summary(Buffer.concat(numbers.map((n) => stream(SUPER, { sourcePort: 5000 + (n % 100) }).data))),
    texts: numbers.map((n) => `number ${n}`),
  }
}
