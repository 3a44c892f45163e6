import type { CryptoProvider } from '../../packages/layer-wireguard/src/crypto/crypto.ts'
import { nodeCrypto } from '../../packages/layer-wireguard/src/crypto/node.ts'
import { createResponse, finishInitiation, openInitiation } from '../../packages/layer-wireguard/src/proto/handshake.ts'
import { MacStamper } from '../../packages/layer-wireguard/src/proto/macs.ts'
import { initiation, readUint32, writeResponse } from '../../packages/layer-wireguard/src/proto/messages.ts'
import { below, bytesOf, pick } from './differential-inner.ts'
import { newKeyPair, Session } from './differential-peer.ts'
import { INITIAL, LOW_ORDER, type Scene, type Shot, withLowOrder } from './differential-shot.ts'
import { flip } from './differential-transport.ts'

interface ResponseOptions {
  readonly crypto?: CryptoProvider
  readonly presharedKey?: Uint8Array
  /** Changes the message before its MACs are made. */
  readonly change?: (message: Buffer) => void
}

/** A response of the peer to an initiation of the implementation's. */
export function respond(scene: Scene, message: Uint8Array, options: ResponseOptions = {}): Shot {
  const { peer, random, target } = scene
  const { crypto = nodeCrypto, presharedKey = peer.presharedKey } = options
  const { encryptedStatic, ephemeral, encryptedTimestamp, senderIndex } = initiation
  const opened = openInitiation(nodeCrypto, INITIAL, peer.keys, ephemeral(message), encryptedStatic(message))
  const shared = nodeCrypto.sharedSecret(peer.keys.privateKey, target)
  if (opened === undefined || shared === undefined) throw new Error('the initiation is not for this peer')
  if (finishInitiation(nodeCrypto, opened, shared, encryptedTimestamp(message)) === undefined)
    throw new Error('it is not authentic')
  const made = createResponse(crypto, opened, presharedKey, bytesOf(random, 32), new Uint8Array())
  if (made === undefined) throw new Error('the implementation has sent a key of low order')
  const bytes = writeResponse(random.uint32(), senderIndex(message), made.ephemeral, made.encryptedPayload)
  options.change?.(Buffer.from(bytes.buffer))
  new MacStamper(target).stamp(bytes, 0)
  const id = scene.newId()
  return { id, bytes, session: new Session(made.keys, readUint32(bytes, 4), senderIndex(message), id) }
}

type Answer = (scene: Scene, message: Uint8Array) => readonly Shot[]

function changed(change: (bytes: Buffer, scene: Scene) => Uint8Array): Answer {
  return (scene, message) => {
    const shot = respond(scene, message)
    return [{ ...shot, bytes: change(Buffer.from(shot.bytes), scene) }]
  }
}

/** What may come to an initiation of the implementation's. */
export const ANSWERS: Readonly<Record<string, Answer>> = {
  'valid response': (scene, message) => [respond(scene, message)],
  'valid response twice': (scene, message) => {
    const shot = respond(scene, message)
    return [shot, { ...shot, id: scene.newId() }]
  },
  'two valid responses': (scene, message) => [respond(scene, message), respond(scene, message)],
  'response, bit flipped': changed((bytes, { random }) => flip(bytes, below(random, 76 * 8))),
  'response, bit flipped before mac1 was made': (scene, message) => [
    respond(scene, message, { change: (bytes) => flip(bytes, 64 + below(scene.random, 52 * 8)) }),
  ],
  'response to a wrong index': (scene, message) => [
    respond(scene, message, { change: (bytes) => bytes.writeUInt32LE(scene.random.uint32(), 8) }),
  ],
  'response, one byte less': changed((bytes) => bytes.subarray(0, -1)),
  'response, one byte more': changed((bytes, { random }) => Buffer.concat([bytes, bytesOf(random, 1)])),
  'response, mac1 for somebody else': changed((bytes, { random }) => {
    new MacStamper(newKeyPair(random).publicKey).stamp(bytes, 0)
    return bytes
  }),
  'response, reserved bytes not zero': (scene, message) => [
    respond(scene, message, { change: (bytes) => bytes.writeUInt8(1 + below(scene.random, 255), 1) }),
  ],
  'response with mac2 of nobody': changed((bytes, { random }) => {
    bytes.set(bytesOf(random, 16), bytes.length - 16)
    return bytes
  }),
  'response, other pre-shared key': (scene, message) => [
    respond(scene, message, { presharedKey: bytesOf(scene.random, 32) }),
  ],
  'response in two parts': (scene, message) => {
    const shot = respond(scene, message)
    const at = 1 + below(scene.random, shot.bytes.length - 1)
    const rest = { id: scene.newId(), bytes: shot.bytes.subarray(at) }
    return [{ ...shot, bytes: shot.bytes.subarray(0, at) }, rest]
  },
  'initiation sent back': (scene, message) => [{ id: scene.newId(), bytes: message }],
}

/** The same, with a point whose secrets are all zero, by one who is otherwise right. */
export const lowOrderAnswer: Answer = (scene, message) => [
  respond(scene, message, { crypto: withLowOrder(pick(scene.random, LOW_ORDER)) }),
]
