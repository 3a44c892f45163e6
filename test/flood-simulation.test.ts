import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { makeFallback } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { decodeKey, encodeKey, generatePrivateKey, publicKeyOf } from '@millrace/layer-wireguard'
import { expect, test } from 'vitest'
import { CRYPTO } from '../packages/layer-wireguard/src/crypto/crypto.ts'
import { parsePeer } from '../packages/layer-wireguard/src/options.ts'
import { MacStamper } from '../packages/layer-wireguard/src/proto/macs.ts'
import { DeviceRig } from './support/device-rig.ts'
import { newKeyPair } from './support/differential-peer.ts'
import { FloodedGateway } from './support/flooded-gateway.ts'
import { InitiationFlood, initiationBytes } from './support/initiation-flood.ts'

const SECOND = 1000
const FLOOD_PER_SECOND = 50_000
const PACKETS_PER_SECOND = 500
/** The session of 0 s is renewed by the first packet after REKEY_AFTER_TIME, 120 s: in the midst of the flood. */
const FLOOD_FROM = 118.5 * SECOND
const NEW_CLIENT_AT = 119.5 * SECOND
/** What the first second makes, hot code and tables that fill, is not growth. */
const WARM_AT = 119 * SECOND
const FLOOD_TO = 122 * SECOND
const END = FLOOD_TO + SECOND
/** 48 bytes a message: less than the smallest thing that could be kept of each. It is 1 to 4 MiB, however many come. */
const HEAP_GROWTH = 8 << 20
/** Each in turn under load is looked at no further. */
const NAMES_OF_DROPS = [
  'handshake-queue-full',
  'initiation-not-authentic',
  'rate-limited',
  'under-load',
  'unknown-peer',
] as const
/** Of the measure of what a message costs. */
const ROUNDS = 15
const PER_ROUND = 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heap(): number {
  collectGarbage()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}

/** 124 virtual seconds in which a client sends at its pace; with or without the flood, and with or without another client. */
async function run(floodPerSecond: number) {
  const world = await FloodedGateway.start()
  await using _ = world
  const established = await world.client(0)
  const { clock } = world
  established.send()
  clock.advance(FLOOD_FROM - clock.now())
  const before = { sent: established.packets.sent, received: established.receipt.received }
  expect(before).toEqual({ sent: 1, received: 1 })
  const newcomer = await world.client(1)
  let warmHeap = 0
  let firstOfNewcomer = Number.POSITIVE_INFINITY
  let mostHeld = 0
  for (let now = FLOOD_FROM; now < END; now++) {
    if (now < FLOOD_TO) world.flood(floodPerSecond / SECOND)
    if (now % (SECOND / PACKETS_PER_SECOND) === 0) established.send()
    if (now === NEW_CLIENT_AT) newcomer.send()
    if (now === WARM_AT) warmHeap = heap()
    clock.advance(1)
    if (newcomer.receipt.received > 0) firstOfNewcomer = Math.min(firstOfNewcomer, clock.now())
    mostHeld = Math.max(mostHeld, world.gateway.pool.inUse)
  }
  const heapGrowth = heap() - warmHeap
  return { world, established, newcomer, firstOfNewcomer, heapGrowth, mostHeld, held: world.gateway.pool.inUse }
}

test('50,000 initiations a second with a valid mac1: who is in stays in, who is new gets in, nothing grows', async () => {
  const quiet = await run(0)
  const { world, established, newcomer, ...flooded } = await run(FLOOD_PER_SECOND)
  const { wire, drops, answered } = world
  const total = (FLOOD_PER_SECOND * (FLOOD_TO - FLOOD_FROM)) / SECOND
  expect(wire.packets).toBe(total)

  // The established client: its packets, and its rekey, which has to answer a cookie.
  const { received } = established.receipt
  expect(received / established.packets.sent).toBeGreaterThanOrEqual(0.8)
  expect(received / quiet.established.receipt.received).toBeGreaterThanOrEqual(0.8)
  expect([established.receipt.altered, established.receipt.repeated]).toEqual([0, 0])
  expect(world.count(3, '<', established.wire), 'cookie replies').toBeGreaterThan(0)
  expect(world.count(2, '<', established.wire), 'sessions').toBe(2)

  // The new one: a cookie, the same again with it, and its packet.
  expect(world.count(3, '<', newcomer.wire), 'cookie replies').toBeGreaterThan(0)
  expect(newcomer.receipt.received).toBe(1)
  expect(flooded.firstOfNewcomer - NEW_CLIENT_AT).toBeLessThan(3 * SECOND)

  // Each message of the flood, and each of the clients' that was sent a cookie, is one counted drop.
  expect(NAMES_OF_DROPS).toEqual(expect.arrayContaining(Object.keys(drops)))
  const dropped = Object.values(drops).reduce((sum, packets) => sum + packets, 0)
  expect(dropped).toBe(total + world.count(1, '>') - world.count(2, '<'))
  // Before load is seen, and each second when it is over, as many are looked at as fit into an eighth of the queue.
  const looked = (drops['initiation-not-authentic'] ?? 0) + (drops['unknown-peer'] ?? 0)
  expect(looked).toBeGreaterThan(0)
  expect(looked).toBeLessThan(((FLOOD_TO - FLOOD_FROM) / SECOND + 1) * 200)

  // A cookie reply is shorter than what it answers, and there is at most one to each.
  expect(answered.packets).toBeLessThanOrEqual(wire.packets)
  expect(answered.bytes).toBeLessThan(wire.bytes / 2)

  expect(flooded.heapGrowth).toBeLessThan(HEAP_GROWTH)
  expect(flooded.mostHeld).toBeLessThan(1024 + 64)
  expect(flooded.held).toBe(0)
})

// Virtual time says nothing of what a message costs. In one process, by turns, so that noise meets both alike.
test('under load a message of the flood costs less than a fifth of a handshake that is answered', () => {
  const crypto = makeFallback(CRYPTO)
  const key = generatePrivateKey()
  const responder = decodeKey(publicKeyOf(key), 'key')
  const flood = new InitiationFlood(responder)
  const loaded = new DeviceRig({ privateKey: key, crypto, slots: 2048 })
  while (!loaded.device.underLoad) loaded.receive(flood.next().bytes)
  const calm = new DeviceRig({ privateKey: key, crypto })
  const peer = newKeyPair(new SeededRandom(1))
  calm.device.addPeer(parsePeer({ publicKey: encodeKey(peer.publicKey), allowedIps: [] }))
  const stamper = new MacStamper(responder)

  const costs = Array.from({ length: ROUNDS }, (_, round) => {
    const messages = Array.from({ length: 10 * PER_ROUND }, () => flood.next())
    const flooded = timeOf(messages, ({ bytes, from }) => loaded.receive(bytes, from).verdict === 'under-load')
    const handshakes = Array.from({ length: PER_ROUND }, (_, i) => {
      const made = initiationBytes(crypto, peer, responder, (round * PER_ROUND + i) * SECOND)
      stamper.stamp(made, 0)
      return made
    })
    const answered = timeOf(handshakes, (bytes) => {
      calm.device.at(calm.out.length * SECOND, 0)
      return calm.receive(bytes).verdict === 'consumed'
    })
    loaded.take()
    return { flooded, answered }
  })
  expect(calm.out).toHaveLength(ROUNDS * PER_ROUND)
  const [flooded, answered] = [median(costs.map((each) => each.flooded)), median(costs.map((each) => each.answered))]
  expect(flooded / answered, `${flooded} and ${answered} ms each`).toBeLessThan(1 / 5)
})

/** Milliseconds for each. */
function timeOf<T>(each: readonly T[], work: (one: T) => boolean): number {
  const began = performance.now()
  const done = each.filter(work).length
  const ended = performance.now()
  expect(done).toBe(each.length)
  return (ended - began) / each.length
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}
