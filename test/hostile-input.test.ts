import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  asDatagram,
  asPeerPacket,
  Burst,
  bind,
  CLOCK,
  type Context,
  type Datagram,
  destinationIn,
  type Endpoint,
  filter,
  type Layer,
  log,
  type Peer,
  type PeerPacket,
  type PooledPacket,
  RANDOM,
  reject,
  runtimeWith,
  type Service,
  stack,
} from '@millrace/core'
import {
  icmpEcho,
  ipv4,
  ipv6,
  MemoryHost,
  SeededRandom,
  SimulatedNetwork,
  tcpSegment,
  udpSegment,
  VirtualClock,
} from '@millrace/core/testing'
import { nat } from '@millrace/layer-nat'
import { ALLOWED_IPS, allowedIps, generatePrivateKey, publicKeyOf, wireguard } from '@millrace/layer-wireguard'
import { expect, test } from 'vitest'

const ROUNDS = Number(process.env['MILLRACE_FUZZ_ROUNDS'] ?? 1_000_000)
const SEED = Number(process.env['MILLRACE_SEED'] ?? 1)
const MIB = 1024 * 1024

test(`${ROUNDS} random and mutated datagrams and inner packets: nothing throws, nothing grows (seed ${SEED})`, async () => {
  const random = new SeededRandom(SEED)
  const clock = new VirtualClock()
  const runtime = runtimeWith(bind(CLOCK, clock), bind(RANDOM, random))
  const network = new SimulatedNetwork({ delay: 1, seed: SEED })
  const [clientKey, gatewayKey] = [generatePrivateKey(), generatePrivateKey()]

  const outside: Uint8Array[] = []
  const gatewayHost = new MemoryHost({ receive: (bytes) => remember(outside, bytes, random) })
  const gatewayWire = network.udp('192.0.2.1:51820')
  const clientPeer = { publicKey: publicKeyOf(clientKey), allowedIps: ['10.0.0.2/32', 'fd00::2/128'] }
  const gateway = await stack(gatewayWire, { runtime })
    .layer(wireguard({ privateKey: gatewayKey, peers: [clientPeer] }))
    .layer(allowedIps())
    .layer(log({ sample: 1000 }))
    .layer(filter((packet) => packet.destinationPort !== 25))
    .layer(reject(destinationIn('169.254.0.0/16')))
    .layer(nat({ address: '203.0.113.7' }))
    .end(gatewayHost)
    .start()
  // The client has no allowedIps line: whatever its host sends goes to the gateway, true or not.
  const clientHost = new RawEnd<PeerPacket>()
  const finder = new PeerFinder()
  const gatewayPeer = { publicKey: publicKeyOf(gatewayKey), endpoint: '192.0.2.1:51820', allowedIps: ['0.0.0.0/0'] }
  const client = await stack(network.udp('198.51.100.1:5000'), { runtime })
    .layer(wireguard({ privateKey: clientKey, peers: [gatewayPeer] }))
    .layer(finder)
    .end(clientHost)
    .start()
  const sendThroughTunnel = (bytes: Uint8Array): void =>
    clientHost.send(bytes, (packet) => {
      packet.peer = finder.peer
      return asPeerPacket(packet)
    })

  const datagrams: Uint8Array[] = []
  network.eavesdrop = ({ bytes, to }) => {
    if (to.port === 51820) remember(datagrams, bytes, random)
  }
  const attackerHost = new RawEnd<Datagram>()
  const attacker = await stack(network.udp('198.51.100.66:6666'), { runtime }).end(attackerHost).start()
  const sendDatagram = (bytes: Uint8Array): void =>
    attackerHost.send(bytes, (packet) => {
      packet.remote = gatewayWire.address
      return asDatagram(packet)
    })

  const seeds = innerSeeds()
  for (const bytes of seeds) sendThroughTunnel(bytes)
  clock.advance(100)
  expect(outside.length, 'the tunnel works before the flood').toBeGreaterThan(3)

  const settle = heapAfterCollection()
  let heapEarly = 0
  for (let round = 0; round < ROUNDS; round++) {
    const dice = random.uint32() % 100
    if (dice < 35) sendDatagram(randomBytes(random, 1500))
    else if (dice < 60) sendDatagram(mutated(random, pick(random, datagrams)))
    else if (dice < 75) sendThroughTunnel(mutated(random, pick(random, seeds)))
    else if (dice < 80) sendThroughTunnel(randomBytes(random, 1400))
    else if (dice < 95) gatewayHost.send(mutated(random, answerTo(pick(random, outside))))
    else gatewayHost.send(randomBytes(random, 1400))
    if (round % 64 === 0) clock.advance(20)
    if (round === Math.floor(ROUNDS / 4)) heapEarly = settle()
  }
  clock.advance(1000)

  for (const running of [gateway, client, attacker]) {
    expect(running.drops().filter(({ reason }) => reason === 'layer-threw')).toEqual([])
  }
  // The flood reached every part: handshakes, transport, inner checks, NAT both ways.
  const reasons = new Set(gateway.drops().map(({ reason }) => reason))
  for (const reason of [
    'bad-type',
    'bad-length',
    'bad-mac1',
    'not-authentic',
    'source-not-allowed',
    'not-ip',
    'no-mapping',
  ]) {
    expect(reasons).toContain(reason)
  }
  expect(settle() - heapEarly, 'bytes of heap that three quarters of the flood left behind').toBeLessThan(16 * MIB)

  // And after all that the tunnel still works.
  const before = outside.length
  outside.length = 0
  clock.advance(200_000)
  for (const bytes of seeds) sendThroughTunnel(bytes)
  clock.advance(1000)
  expect(before).toBeGreaterThan(0)
  expect(outside.length, 'the tunnel works after the flood').toBeGreaterThan(3)
  for (const running of [gateway, client, attacker]) {
    await running.stop()
    expect(running.pool.inUse).toBe(0)
  }
}, 240_000)

function innerSeeds(): Uint8Array[] {
  const from = { source: '10.0.0.2', destination: '198.51.100.7' }
  return [
    ipv4(from, udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'question')),
    ipv4(from, tcpSegment({ sourcePort: 5001, destinationPort: 443, flags: 'SYN' })),
    ipv4(from, icmpEcho({ type: 'request', identifier: 7 }, 'ping')),
    ipv4({ ...from, ttl: 1 }, udpSegment({ sourcePort: 5002, destinationPort: 33434 })),
    ipv4(from, udpSegment({ sourcePort: 5003, destinationPort: 53 }, new Uint8Array(1300))),
    ipv6(
      { source: 'fd00::2', destination: '2001:db8::7' },
      udpSegment({ sourcePort: 5004, destinationPort: 53 }, 'v6'),
    ),
  ]
}

/** An end of any kind that hands the line below it whatever bytes it is given, without a look at them. */
class RawEnd<P extends Datagram | PeerPacket> implements Endpoint<P> {
  readonly name = 'raw'
  #stack: Service<P> | undefined
  #burst: Burst<P> | undefined

  connect(stack: Service<P>): Service<P> {
    this.#stack = stack
    return { serve() {} }
  }

  start({ pool }: Context): void {
    this.#burst = new Burst(pool)
  }

  send(bytes: Uint8Array, address: (packet: PooledPacket) => P): void {
    const packet = this.#burst?.acquire(bytes.length)
    if (packet === undefined || this.#stack === undefined) throw new Error('a raw end always has a packet to send with')
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    this.#burst?.push(address(packet))
    this.#burst?.serve(this.#stack)
  }
}

/** Stands above `wireguard` and finds out its one peer, so that packets can be sent to it past all checks. */
class PeerFinder implements Layer<PeerPacket> {
  peer: Peer | undefined

  layer(inner: Service<PeerPacket>): Service<PeerPacket> {
    return inner
  }

  start(context: Context): void {
    this.peer = context.require(ALLOWED_IPS, 'wireguard').lookup(4, new DataView(new ArrayBuffer(4)), 0)
  }
}

function randomBytes(random: SeededRandom, most: number): Uint8Array {
  const bytes = new Uint8Array(random.uint32() % most)
  // Filling all of a large packet with good randomness would be most of the time of this test.
  random.fill(bytes.subarray(0, 64))
  if (random.chance(0.5)) bytes.set([1 + (random.uint32() % 4), 0, 0, 0].slice(0, bytes.length))
  return bytes
}

/** A copy with some bits flipped, cut short, made longer, or with bytes that parsers look at set to their extremes. */
function mutated(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  const length = random.chance(0.2) ? random.uint32() % (bytes.length + 40) : bytes.length
  const copy = new Uint8Array(length)
  copy.set(bytes.subarray(0, length))
  for (let changes = random.uint32() % 4; changes > 0 && length > 0; changes--) {
    const at = random.uint32() % Math.min(length, random.chance(0.7) ? 60 : length)
    copy[at] = random.chance(0.5) ? random.uint32() : pick(random, [0, 1, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xff])
  }
  return copy
}

/** The packet with source and destination, addresses and ports, exchanged: what the world would send back. */
function answerTo(bytes: Uint8Array): Uint8Array {
  const answer = bytes.slice()
  answer.set(bytes.subarray(16, 20), 12)
  answer.set(bytes.subarray(12, 16), 16)
  const header = ((bytes[0] as number) & 15) * 4
  if (bytes[9] === 1) return answer.fill(0, header, header + 1)
  answer.set(bytes.subarray(header + 2, header + 4), header)
  answer.set(bytes.subarray(header, header + 2), header + 2)
  return answer
}

function pick<T>(random: SeededRandom, from: readonly T[]): T {
  return from[random.uint32() % from.length] as T
}

/** Keeps a sample of bounded size. */
function remember(samples: Uint8Array[], bytes: Uint8Array, random: SeededRandom): void {
  if (samples.length < 256) samples.push(bytes.slice())
  else if (random.chance(0.01)) samples[random.uint32() % samples.length] = bytes.slice()
}

/** A function that says how many bytes of heap are in use after everything unreachable has been collected. */
function heapAfterCollection(): () => number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  return () => {
    collect()
    return process.memoryUsage().heapUsed
  }
}
