import type { PeerPacket, Random } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { DeviceRig, WIRE } from '../../../../test/support/device-rig.ts'
import { PRIVATE_A, PRIVATE_B, PUBLIC_A, PUBLIC_B, SECOND } from '../../../../test/support/tunnel.ts'
import { TRANSCRIPT } from '../../../../test/support/wireguard-go-transcript.ts'
import type { CryptoProvider } from '../crypto/crypto.ts'
import { nodeCrypto } from '../crypto/node.ts'
import { parsePeer } from '../options.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const base64 = (text: string): string => hex(text).toString('base64')

describe('what a device refuses to send', () => {
  const rig = new DeviceRig({ privateKey: PRIVATE_A })
  rig.device.addPeer(parsePeer({ publicKey: PUBLIC_B, endpoint: `${WIRE}`, allowedIps: [] }))
  const peer = rig.device.peers.get(PUBLIC_B)
  const bytes = new Uint8Array(100)

  test.each<[string, string, (packet: PeerPacket) => unknown]>([
    [
      'without room for the header before it',
      'no-headroom',
      (packet) => Object.assign(packet, { offset: packet.offset - packet.headroom + 15 }),
    ],
    [
      'without room for padding and tag behind it',
      'no-headroom',
      (packet) => Object.assign(packet, { length: packet.length + packet.tailroom - 31 }),
    ],
    ['that is several in one', 'super-packet-unsupported', (packet) => Object.assign(packet, { segmentSize: 50 })],
  ])('a packet %s', (_what, verdict, change) => {
    expect(rig.send(peer, bytes, change)).toBe(verdict)
    expect(rig.pool.inUse).toBe(0)
  })

  test('a packet to a peer that is gone, also when another with its key has come', () => {
    const publicKey = Buffer.alloc(32, 9).toString('base64')
    const options = parsePeer({ publicKey, endpoint: `${WIRE}`, allowedIps: [] })
    rig.device.addPeer(options)
    const gone = rig.device.peers.get(publicKey)
    expect(rig.device.removePeer(publicKey)).toBe(true)
    expect(rig.send(gone, bytes)).toBe('peer-removed')
    rig.device.addPeer(options)
    expect(rig.send(gone, bytes)).toBe('peer-removed')
  })
})

describe('indices', () => {
  /** Two devices, one after the other given what the other sends. */
  function exchange(a: DeviceRig, b: DeviceRig): void {
    for (let turn = 0; turn < 6; turn++) {
      for (const message of a.take()) b.receive(hex(message))
      for (const message of b.take()) a.receive(hex(message))
    }
  }

  test('are freed with their handshakes and sessions: at most four of a peer, none at the end', () => {
    const [a, b] = [
      new DeviceRig({ privateKey: PRIVATE_A }),
      new DeviceRig({ privateKey: PRIVATE_B, random: new SeededRandom(2) }),
    ]
    a.device.addPeer(parsePeer({ publicKey: PUBLIC_B, endpoint: `${WIRE}`, allowedIps: [] }))
    b.device.addPeer(parsePeer({ publicKey: PUBLIC_A, endpoint: `${WIRE}`, allowedIps: [] }))
    const counts: number[] = []
    for (let now = 0; now < 2000 * SECOND; now += 5 * SECOND) {
      for (const rig of [a, b]) rig.device.at(now, now)
      for (const rig of [a, b]) rig.device.tick()
      if (now < 1000 * SECOND) a.send(a.device.peers.get(PUBLIC_B), new Uint8Array(20))
      exchange(a, b)
      counts.push(a.device.indexCount, b.device.indexCount)
    }
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(2)
    expect(Math.max(...counts)).toBeLessThanOrEqual(4)
    expect([a.device.indexCount, b.device.indexCount]).toEqual([0, 0])
    expect([a.pool.inUse, b.pool.inUse]).toEqual([0, 0])
    // Nothing is left to do.
    expect([a.device.nextDeadline, b.device.nextDeadline]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
  })

  test('of a pending handshake: one, whatever the number of attempts; none when it is wiped or the peer removed', () => {
    const rig = new DeviceRig({ privateKey: PRIVATE_A })
    rig.device.addPeer(parsePeer({ publicKey: PUBLIC_B, endpoint: `${WIRE}`, allowedIps: [] }))
    const send = (now: number): void => {
      rig.device.at(now, now)
      rig.device.tick()
      rig.send(rig.device.peers.get(PUBLIC_B), new Uint8Array(20))
    }
    for (let now = 0; now < 60 * SECOND; now += 6 * SECOND) send(now)
    expect(rig.device.indexCount).toBe(1)
    rig.device.removePeer(PUBLIC_B)
    expect([rig.device.indexCount, rig.pool.inUse]).toEqual([0, 0])
  })

  test('are drawn again when they are taken', () => {
    const [fill, words] = [new SeededRandom(1), [7, 0, 7, 7, 8]]
    const random: Random = { fill: (target) => fill.fill(target), uint32: () => words.shift() ?? 0 }
    const rig = new DeviceRig({ privateKey: PRIVATE_A, random })
    for (const publicKey of [PUBLIC_B, Buffer.alloc(32, 9).toString('base64')]) {
      rig.device.addPeer(parsePeer({ publicKey, endpoint: `${WIRE}`, allowedIps: [] }))
      rig.send(rig.device.peers.get(publicKey), new Uint8Array(20))
    }
    // An initiation draws its index, then the jitter of its retry.
    expect(rig.take().map((message) => hex(message).readUInt32LE(4))).toEqual([7, 8])
  })
})

test('an initiation whose ephemeral key gives no secret with ours gets no response', () => {
  // With X25519 as it is, such a key has failed before; a provider may see it only here.
  const secrets = { left: Number.POSITIVE_INFINITY }
  const crypto: CryptoProvider = {
    ...nodeCrypto,
    sharedSecret: (key, point) => (secrets.left-- > 0 ? nodeCrypto.sharedSecret(key, point) : undefined),
  }
  const rig = new DeviceRig({ privateKey: base64(TRANSCRIPT.responderPrivate), crypto })
  const publicKey = base64(TRANSCRIPT.initiatorPublic)
  rig.device.addPeer(parsePeer({ publicKey, allowedIps: [] }))
  secrets.left = 2
  expect(rig.receive(hex(TRANSCRIPT.initiation)).verdict).toBe('ephemeral-of-low-order')
  expect([rig.out, rig.device.indexCount]).toEqual([[], 0])
})

test('a device takes 65,536 peers and no more', () => {
  const crypto: CryptoProvider = { ...nodeCrypto, sharedSecret: () => new Uint8Array(32) }
  const rig = new DeviceRig({ privateKey: PRIVATE_A, crypto })
  const nothing = parsePeer({ publicKey: PUBLIC_B, allowedIps: [] })
  const add = (number: number): void => {
    const publicKey = new Uint8Array(32)
    new DataView(publicKey.buffer).setUint32(0, number)
    const id = `peer number ${number}`
    rig.device.addPeer({ ...nothing, publicKey, id })
  }
  for (let i = 0; i < 65_536; i++) add(i)
  expect(() => add(65_536)).toThrow('peer peer number 65536: no more than 65536 peers')
  expect(rig.device.peers.size).toBe(65_536)
})
