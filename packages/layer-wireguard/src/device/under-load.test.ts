import { SocketAddress } from '@millrace/core'
import { expect, test } from 'vitest'
import { DeviceRig } from '../../../../test/support/device-rig.ts'
import { nodeCrypto } from '../crypto/node.ts'
import { decodeKey, generatePrivateKey, publicKeyOf } from '../keys.ts'
import { parsePeer } from '../options.ts'
import { CONSTRUCTION, IDENTIFIER } from '../proto/constants.ts'
import { createInitiation } from '../proto/handshake.ts'
import { MacStamper } from '../proto/macs.ts'
import { writeInitiation } from '../proto/messages.ts'
import { SymmetricState } from '../proto/noise.ts'
import { tai64n } from '../proto/tai64n.ts'

const START = Date.UTC(2026, 0, 1)
const initial = SymmetricState.initialize(CONSTRUCTION, Buffer.from(IDENTIFIER))

/** Somebody with a key who begins handshakes; every message is good, its cookie included if it was sent one. */
class Caller {
  readonly publicKey: string
  readonly macs: MacStamper
  readonly #private: Uint8Array
  readonly #gateway: Uint8Array
  #calls = 0

  constructor(gatewayPublicKey: string) {
    const key = generatePrivateKey()
    this.publicKey = publicKeyOf(key)
    this.#private = decodeKey(key, 'key')
    this.#gateway = decodeKey(gatewayPublicKey, 'key')
    this.macs = new MacStamper(this.#gateway)
  }

  initiation(now: number): Uint8Array {
    const local = { privateKey: this.#private, publicKey: decodeKey(this.publicKey, 'key') }
    const shared = nodeCrypto.sharedSecret(this.#private, this.#gateway) as Uint8Array
    const ephemeral = decodeKey(generatePrivateKey(), 'key')
    const stamp = tai64n(START + ++this.#calls * 1000)
    const made = createInitiation(nodeCrypto, initial, local, this.#gateway, shared, ephemeral, stamp)
    if (made === undefined) throw new Error('no initiation')
    const message = writeInitiation(this.#calls, made.ephemeral, made.encryptedStatic, made.encryptedPayload)
    this.macs.stamp(message, now)
    return message
  }
}

function gatewayWith(callers: number) {
  const privateKey = generatePrivateKey()
  const rig = new DeviceRig({ privateKey, slots: 2048 })
  const all = Array.from({ length: callers }, () => new Caller(publicKeyOf(privateKey)))
  for (const { publicKey } of all) rig.device.addPeer(parsePeer({ publicKey, allowedIps: [] }))
  return { rig, callers: all }
}

const address = (i: number): SocketAddress => new SocketAddress(4, `192.0.2.${i}`, 5000 + i)
const responses = (rig: DeviceRig): number => rig.out.filter((hex) => hex.startsWith('02')).length
const replies = (rig: DeviceRig): string[] => rig.out.filter((hex) => hex.startsWith('03'))

test('one step looks at eight handshakes, the rest wait in order and follow in the next steps', () => {
  const { rig, callers } = gatewayWith(20)
  rig.device.at(100, START)
  for (const [i, caller] of callers.entries())
    expect(rig.receive(caller.initiation(100), address(i)).verdict).toBe('consumed')
  expect([responses(rig), rig.pool.inUse]).toEqual([8, 12])
  expect(rig.device.nextDeadline).toBe(100)
  rig.device.at(101, START)
  rig.device.tick()
  expect([responses(rig), rig.pool.inUse]).toEqual([16, 4])
  rig.device.at(102, START)
  rig.device.tick()
  expect([responses(rig), rig.pool.inUse]).toEqual([20, 0])
  expect(rig.device.nextDeadline).toBeGreaterThan(102)
})

test('under load: no Diffie-Hellman without a cookie; a cookie reply leads to a handshake; five at once from one source', () => {
  const { rig, callers } = gatewayWith(2)
  const [flooder, honest] = callers as [Caller, Caller]
  rig.device.at(0, START)
  const flood = flooder.initiation(0)
  // Eight looked at, 128 in the queue: the queue is an eighth full.
  for (let i = 0; i < 8 + 128; i++) expect(rig.receive(flood, address(1)).verdict).not.toBe('under-load')
  expect(rig.device.underLoad).toBe(true)
  rig.out.length = 0

  expect(rig.receive(honest.initiation(0), address(2)).verdict).toBe('under-load')
  const [reply] = replies(rig)
  expect(honest.macs.takeCookie(Buffer.from(reply as string, 'hex'), 0)).toBe(true)
  const withCookie = honest.initiation(1)
  expect(rig.receive(withCookie, address(3)).verdict, 'the cookie is bound to the address').toBe('under-load')
  const samePlace = new SocketAddress(4, address(2).address, address(2).port + 1)
  expect(rig.receive(withCookie, samePlace).verdict, 'and to the port').toBe('under-load')
  expect(rig.receive(withCookie, address(2)).verdict).toBe('consumed')
  const verdicts = Array.from({ length: 6 }, () => rig.receive(honest.initiation(2), address(2)).verdict)
  expect(verdicts).toEqual(['consumed', 'consumed', 'consumed', 'consumed', 'rate-limited', 'rate-limited'])

  // It is answered when its turn comes.
  rig.out.length = 0
  for (let step = 3; rig.pool.inUse > 0; step++) {
    rig.device.at(step, START)
    rig.device.tick()
  }
  expect(responses(rig)).toBe(1)
})

test('load is over one second after the queue was last an eighth full; a cookie of the secret before is not taken', () => {
  const { rig, callers } = gatewayWith(1)
  const [caller] = callers as [Caller]
  rig.device.at(0, START)
  const flood = caller.initiation(0)
  for (let i = 0; i < 8 + 128; i++) rig.receive(flood, address(1))
  expect(rig.receive(caller.initiation(0), address(1)).verdict).toBe('under-load')
  caller.macs.takeCookie(Buffer.from(replies(rig)[0] as string, 'hex'), 0)
  for (let step = 1; rig.pool.inUse > 0; step++) {
    rig.device.at(step, START)
    rig.device.tick()
  }
  rig.device.at(999, START)
  expect(rig.device.underLoad).toBe(true)
  rig.device.at(1000, START)
  expect(rig.device.underLoad).toBe(false)

  rig.device.at(119_000, START)
  const again = caller.initiation(100_000)
  for (let i = 0; i < 8 + 128; i++) rig.receive(again, address(9))
  expect(rig.receive(again, address(1)).verdict, 'with a cookie of 119 s').toBe('consumed')
  rig.device.at(120_000, START)
  for (let i = 0; i < 200; i++) rig.receive(again, address(9))
  expect(rig.receive(again, address(1)).verdict, 'with a cookie of 120 s').toBe('under-load')
  rig.device.close()
  expect(rig.pool.inUse).toBe(0)
})

test('the queue is bounded', () => {
  const { rig, callers } = gatewayWith(1)
  const [caller] = callers as [Caller]
  rig.device.at(0, START)
  const message = caller.initiation(0)
  for (let i = 0; i < 8 + 128; i++) rig.receive(message, address(1))
  rig.receive(message, address(1))
  caller.macs.takeCookie(Buffer.from(replies(rig)[0] as string, 'hex'), 0)
  const good = caller.initiation(0)
  const cookieFor = address(1)
  let full = 0
  // The limiter lets a source in twenty times a second, so time goes on while nothing is worked off.
  for (let now = 50; now < 100_000; now += 50) {
    rig.device.at(now, START)
    if (rig.receive(good, cookieFor).verdict === 'handshake-queue-full') full++
  }
  expect(rig.pool.inUse).toBe(1024)
  expect(full).toBeGreaterThan(0)
  rig.device.close()
  expect([rig.pool.inUse, rig.drops['device-closed']]).toEqual([0, 1024])
})

test('another private key: sessions end, a peer with the new public key goes, and mac1 is checked against the new one', () => {
  const { rig, callers } = gatewayWith(2)
  const [caller] = callers as [Caller]
  rig.device.at(0, START)
  expect(rig.receive(caller.initiation(0), address(1)).verdict).toBe('consumed')
  expect(rig.device.indexCount).toBe(1)
  const next = generatePrivateKey()
  rig.device.addPeer(parsePeer({ publicKey: publicKeyOf(next), allowedIps: [] }))
  const privateKey = decodeKey(next, 'key')
  rig.device.setPrivateKey({ privateKey, publicKey: nodeCrypto.publicKey(privateKey) })
  expect(rig.device.indexCount).toBe(0)
  expect(rig.device.peers.has(publicKeyOf(next))).toBe(false)
  expect(rig.device.peers.size).toBe(2)
  expect(rig.receive(caller.initiation(0), address(1)).verdict).toBe('bad-mac1')
  rig.device.setPrivateKey(undefined)
  expect(rig.receive(caller.initiation(0), address(1)).verdict).toBe('no-private-key')
})
