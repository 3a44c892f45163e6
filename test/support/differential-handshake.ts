import { nodeCrypto } from '../../packages/layer-wireguard/src/crypto/node.ts'
import { MacStamper } from '../../packages/layer-wireguard/src/proto/macs.ts'
import { MACS_LENGTH, writeCookieReply, writeResponse } from '../../packages/layer-wireguard/src/proto/messages.ts'
import { below, bytesOf, pick } from './differential-inner.ts'
import { newKeyPair } from './differential-peer.ts'
import { initiate, LOW_ORDER, type Scene, type Shot, withLowOrder } from './differential-shot.ts'
import { type Craft, flip } from './differential-transport.ts'

/** A valid initiation, and then what `change` makes of its bytes. */
function changed(change: (bytes: Buffer, scene: Scene) => Uint8Array): Craft {
  return (scene) => {
    const shot = initiate(scene, scene.newId())
    return [{ ...shot, bytes: change(Buffer.from(shot.bytes), scene) }]
  }
}

/** As `changed`, but the MACs are made afterwards, as anybody can who knows the public key. */
function forged(change: (bytes: Buffer, scene: Scene) => void): Craft {
  return (scene) => [
    initiate(scene, scene.newId(), { change: (message) => change(Buffer.from(message.buffer), scene) }),
  ]
}

/** Initiations, one datagram or little more each, and messages that answer nothing. */
export const INITIATIONS: Readonly<Record<string, Craft>> = {
  'valid initiation': (scene) => [initiate(scene, scene.newId())],
  'valid initiation with mac2 of nobody': changed((bytes, { random }) => {
    bytes.set(bytesOf(random, 16), bytes.length - 16)
    return bytes
  }),
  'valid initiation with a small sender index': (scene) => {
    const id = scene.newId()
    return [initiate(scene, id, { senderIndex: id })]
  },
  'valid initiation, other pre-shared key': (scene) => [
    initiate(scene, scene.newId(), { presharedKey: bytesOf(scene.random, 32) }),
  ],
  'initiation replayed': (scene) => {
    const bytes = scene.peer.lastInitiation
    return [bytes === undefined ? initiate(scene, scene.newId()) : { id: scene.newId(), bytes }]
  },
  'initiation with the same timestamp': (scene) => [
    initiate(scene, scene.newId(), { stamp: scene.peer.answeredStamp }),
  ],
  'initiation with an earlier timestamp': (scene) => [
    initiate(scene, scene.newId(), {
      stamp: Math.max(0, scene.peer.answeredStamp - 1 - below(scene.random, 20)),
    }),
  ],
  'initiation, bit flipped': changed((bytes, { random }) => flip(bytes, below(random, (bytes.length - 16) * 8))),
  'initiation, bit flipped before mac1 was made': forged((bytes, { random }) => {
    flip(bytes, 64 + below(random, (116 - 8) * 8))
  }),
  'initiation, one byte less': changed((bytes) => bytes.subarray(0, -1)),
  'initiation, one byte more': changed((bytes, { random }) => Buffer.concat([bytes, bytesOf(random, 1)])),
  'initiation truncated': changed((bytes, { random }) => bytes.subarray(0, below(random, bytes.length))),
  'initiation in two parts': (scene) => {
    const shot = initiate(scene, scene.newId())
    const at = 1 + below(scene.random, shot.bytes.length - 1)
    return [
      { ...shot, bytes: shot.bytes.subarray(0, at) },
      { ...shot, id: scene.newId(), bytes: shot.bytes.subarray(at) },
    ]
  },
  'initiation, reserved bytes not zero': forged((bytes, { random }) => {
    bytes[1 + below(random, 3)] = 1 + below(random, 255)
  }),
  'initiation under another type': forged((bytes, { random }) => {
    bytes[0] = pick(random, [0, 2, 3, 4, 5, 0x81])
  }),
  'initiation, mac1 for somebody else': changed((bytes, { random }) => {
    new MacStamper(newKeyPair(random).publicKey).stamp(bytes, 0)
    return bytes
  }),
  'initiation, mac1 zero': changed((bytes) => bytes.fill(0, bytes.length - MACS_LENGTH)),
  'initiation of somebody unknown': (scene) => [initiate(scene, scene.newId(), { keys: newKeyPair(scene.random) })],
  'initiation in the name of another': (scene) => [
    initiate(scene, scene.newId(), { signer: newKeyPair(scene.random).privateKey }),
  ],
  'initiation in the name of the implementation': (scene) => [
    initiate(scene, scene.newId(), {
      keys: { publicKey: scene.target, privateKey: newKeyPair(scene.random).privateKey },
    }),
  ],
  'initiation for somebody else': (scene) => [
    initiate(scene, scene.newId(), { recipient: newKeyPair(scene.random).publicKey }),
  ],
  'initiation with an ephemeral key of low order': (scene) => [
    initiate(scene, scene.newId(), { crypto: withLowOrder(pick(scene.random, LOW_ORDER)) }),
  ],
  'initiation with a static key of low order': (scene) => [
    initiate(scene, scene.newId(), {
      keys: { publicKey: pick(scene.random, LOW_ORDER), privateKey: newKeyPair(scene.random).privateKey },
    }),
  ],
  'initiation of noise': (scene) => [
    initiate(scene, scene.newId(), { change: (message) => message.set(bytesOf(scene.random, 108), 8) }),
  ],
  'response to nothing': (scene) => unasked(scene, scene.random.uint32()),
  'response to a session': (scene) => unasked(scene, scene.peer.usableSession?.remoteIndex ?? 0),
  'cookie reply to nothing': ({ random, newId }) => [
    { id: newId(), bytes: writeCookieReply(random.uint32(), bytesOf(random, 24), bytesOf(random, 32)) },
  ],
  'cookie reply of noise to a session': ({ peer, random, newId }) => {
    const index = peer.usableSession?.remoteIndex ?? 0
    const bytes = writeCookieReply(index, bytesOf(random, 24), bytesOf(random, 32))
    const longer = random.chance(0.3) ? Buffer.concat([bytes, bytesOf(random, 1)]) : bytes
    return [{ id: newId(), bytes: random.chance(0.3) ? bytes.subarray(0, -1) : longer }]
  },
}

function unasked({ random, newId, target }: Scene, receiverIndex: number): readonly Shot[] {
  const ephemeral = nodeCrypto.publicKey(bytesOf(random, 32))
  const bytes = writeResponse(random.uint32(), receiverIndex, ephemeral, bytesOf(random, 16))
  new MacStamper(target).stamp(bytes, 0)
  return [{ id: newId(), bytes }]
}
