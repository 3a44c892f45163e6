import { bind, CLOCK, parseSocketAddress, type RunningStack, runtimeWith, stack } from '@millrace/core'
import { ipv4, MemoryHost, SimulatedNetwork, udpSegment, VirtualClock } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import {
  allowedIps,
  decodeKey,
  generatePrivateKey,
  type LookupPeer,
  nodeCrypto,
  type PeerOptions,
  publicKeyOf,
  wireguard,
} from './index.ts'
import { CONSTRUCTION, IDENTIFIER } from './proto/constants.ts'
import { createInitiation } from './proto/handshake.ts'
import { MacStamper } from './proto/macs.ts'
import { writeInitiation } from './proto/messages.ts'
import { SymmetricState } from './proto/noise.ts'
import { tai64n } from './proto/tai64n.ts'

const packet = ipv4(
  { source: '10.0.0.2', destination: '10.0.0.1' },
  udpSegment({ sourcePort: 1, destinationPort: 2 }, 'hi'),
)
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A gateway that knows nobody, and a client of it. */
async function worldWith(lookupPeer: LookupPeer) {
  const clock = new VirtualClock()
  const runtime = runtimeWith(bind(CLOCK, clock))
  const network = new SimulatedNetwork({ delay: 5 })
  const gatewayKey = generatePrivateKey()
  const received: Uint8Array[] = []
  const layer = wireguard({ privateKey: gatewayKey, lookupPeer })
  const wire = network.udp('192.0.2.1:1')
  const gateway = await stack(wire, { runtime })
    .layer(layer)
    .layer(allowedIps())
    .end(new MemoryHost({ receive: (bytes) => received.push(bytes) }))
    .start()
  const startClient = async (key: string, address: string): Promise<{ host: MemoryHost; running: RunningStack }> => {
    const host = new MemoryHost()
    const peer = { publicKey: publicKeyOf(gatewayKey), endpoint: '192.0.2.1:1', allowedIps: ['0.0.0.0/0'] }
    const tunnel = wireguard({ privateKey: key, peers: [peer] })
    const running = await stack(network.udp(address), { runtime, pool: { slots: 16, jumboSlots: 0 } })
      .layer(tunnel)
      .layer(allowedIps())
      .end(host)
      .start()
    return { host, running }
  }
  return { clock, wire, gateway, layer, received, startClient }
}

const drops = (running: RunningStack, reason: string): number =>
  running.drops().find((drop) => drop.reason === reason)?.packets ?? 0

test('a peer that is found is held while its sessions last, and its first packet arrives', async () => {
  const key = generatePrivateKey()
  const asked: string[] = []
  let answer: (peer: PeerOptions) => void = () => {}
  const world = await worldWith((publicKey) => {
    asked.push(publicKey)
    return new Promise((resolve) => {
      answer = resolve
    })
  })
  const client = await world.startClient(key, '192.0.2.2:2')
  client.host.send(packet)
  world.clock.advance(1000)
  expect(asked).toEqual([publicKeyOf(key)])
  expect([world.layer.peers.list().length, world.gateway.pool.inUse]).toEqual([0, 1])
  answer({ publicKey: publicKeyOf(key), allowedIps: ['10.0.0.2/32'], name: 'found' })
  await settled()
  world.clock.advance(100)
  expect(world.received).toEqual([packet])
  expect(world.layer.peers.list().map(({ name, isUp }) => [name, isUp])).toEqual([['found', true]])
  expect(asked).toHaveLength(1)

  // 540 s after its last session its keys go, and it with them.
  await client.running.stop()
  world.clock.advance(530_000)
  expect(world.layer.peers.list()).toHaveLength(1)
  world.clock.advance(20_000)
  expect(world.layer.peers.list()).toHaveLength(0)
  await world.gateway.stop()
  expect(world.gateway.pool.inUse).toBe(0)
})

test('somebody who is not found is not asked for again for ten seconds', async () => {
  const asked: string[] = []
  const world = await worldWith((publicKey) => void asked.push(publicKey))
  const client = await world.startClient(generatePrivateKey(), '192.0.2.2:2')
  client.host.send(packet)
  for (let second = 0; second < 9; second++) {
    world.clock.advance(1000)
    await settled()
  }
  // The client has tried at 0 s and 5 s.
  expect(asked).toHaveLength(1)
  expect(drops(world.gateway, 'unknown-peer')).toBe(2)
  for (let second = 9; second < 20; second++) {
    world.clock.advance(1000)
    await settled()
  }
  expect(asked.length).toBeGreaterThan(1)
})

test('an initiation that only claims a key leaves no peer behind', async () => {
  // Whoever knows the gateway's public key can put any static key into an initiation and stamp it rightly.
  const victim = publicKeyOf(generatePrivateKey())
  const asked: string[] = []
  const world = await worldWith((publicKey) => {
    asked.push(publicKey)
    return { publicKey, allowedIps: ['10.0.0.2/32'] }
  })
  const [own, ephemeral] = [generatePrivateKey(), generatePrivateKey()].map((key) => decodeKey(key, 'key')) as [
    Uint8Array,
    Uint8Array,
  ]
  const gateway = decodeKey(world.layer.publicKey, 'key')
  const shared = nodeCrypto.sharedSecret(own, gateway) as Uint8Array
  const claimed = { privateKey: own, publicKey: decodeKey(victim, 'key') }
  const initial = SymmetricState.initialize(CONSTRUCTION, Buffer.from(IDENTIFIER))
  const made = createInitiation(nodeCrypto, initial, claimed, gateway, shared, ephemeral, tai64n(Date.UTC(2026, 0, 1)))
  if (made === undefined) throw new Error('no initiation')
  const message = writeInitiation(7, made.ephemeral, made.encryptedStatic, made.encryptedPayload)
  new MacStamper(gateway).stamp(message, 0)
  world.wire.deliver(message, parseSocketAddress('192.0.2.66:6'))
  await settled()
  expect(asked).toEqual([victim])
  expect(world.layer.peers.list()).toHaveLength(0)
  expect(drops(world.gateway, 'initiation-not-authentic')).toBe(1)
})

test('a look-up that fails, or answers with another key, is logged and counted, and does no harm', async () => {
  const other = publicKeyOf(generatePrivateKey())
  const answers: LookupPeer[] = [
    () => Promise.reject(new Error('database down')),
    () => ({ publicKey: other, allowedIps: [] }),
    () => ({ publicKey: 'nonsense', allowedIps: [] }),
  ]
  for (const lookup of answers) {
    const world = await worldWith(lookup)
    const client = await world.startClient(generatePrivateKey(), '192.0.2.2:2')
    client.host.send(packet)
    world.clock.advance(1000)
    await settled()
    expect(world.layer.peers.list()).toHaveLength(0)
    expect(drops(world.gateway, 'unknown-peer')).toBe(1)
    expect(world.gateway.pool.inUse).toBe(0)
  }
})

test('look-ups under way are bounded, and a stop gives back what waited for them', async () => {
  let asked = 0
  const world = await worldWith(() => {
    asked++
    return new Promise(() => {})
  })
  for (let i = 0; i < 300; i++) {
    const client = await world.startClient(generatePrivateKey(), `192.0.2.9:${i + 1}`)
    client.host.send(packet)
    world.clock.advance(20)
  }
  world.clock.advance(1000)
  expect(asked).toBe(256)
  expect(world.gateway.pool.inUse).toBe(256)
  await world.gateway.stop()
  expect(world.gateway.pool.inUse).toBe(0)
})
