import { nodeCrypto } from '../../packages/layer-wireguard/src/crypto/node.ts'
import { addressIn, below, bytesOf, echo, experiment, pick } from './differential-inner.ts'
import { type Scene, type Shot, seal } from './differential-shot.ts'

/** Makes the datagrams of a step. Kinds whose names begin with "valid" must be accepted by every implementation. */
export type Craft = (scene: Scene) => readonly Shot[]

const MTU = 1420

/** A counter that is further on by these: to the edges of words of 32 and 64, of the window, and past it. */
const AHEAD = [2, 31, 32, 63, 64, 65, 127, 1000, 8063, 8064, 8127, 8128, 8129, 8191, 8192, 8193, 16_384, 100_000]
const BEHIND = [
  1, 2, 3, 31, 32, 33, 63, 64, 65, 1000, 4000, 8063, 8064, 8126, 8127, 8128, 8129, 8130, 8191, 8192, 20_000,
]

/** An experiment packet of the peer's own, of any size up to the MTU. */
export function ordinary({ peer, random }: Scene, id: number): Uint8Array {
  const family = random.chance(0.3) ? 6 : 4
  return experiment(addressIn(peer.net, random, family), id, bytesOf(random, below(random, MTU - 40)))
}

function valid(scene: Scene): Shot {
  const id = scene.newId()
  return seal(scene, id, ordinary(scene, id))
}

/** A valid message, and then what `change` makes of its bytes. It is not sent itself. */
function changed(change: (bytes: Buffer, scene: Scene) => Uint8Array): Craft {
  return (scene) => {
    const shot = valid(scene)
    return [{ ...shot, counter: undefined, bytes: change(Buffer.from(shot.bytes), scene) }]
  }
}

export const ON_THE_WIRE: Readonly<Record<string, Craft>> = {
  'valid data': (scene) => [valid(scene)],
  'valid echo': (scene) => {
    const { peer, random } = scene
    const id = scene.newId()
    const source = addressIn(peer.net, random, random.chance(0.3) ? 6 : 4)
    return [seal(scene, id, echo(source, id, bytesOf(random, below(random, 1300))))]
  },
  keepalive: (scene) => [seal(scene, scene.newId())],
  'valid data, not padded': (scene) => {
    const id = scene.newId()
    return [seal(scene, id, ordinary(scene, id), { padTo: 1 })]
  },
  'replayed message': (scene) => {
    const sent = scene.peer.session.sent
    if (sent.length === 0) return [valid(scene)]
    const { bytes } = pick(scene.random, sent)
    return [{ id: scene.newId(), bytes }]
  },
  'the same message twice': (scene) => {
    const shot = valid(scene)
    return [shot, { ...shot, id: scene.newId() }]
  },
  'used counter, other content': (scene) => {
    const counter = pick(scene.random, scene.peer.session.sent)?.counter
    const id = scene.newId()
    return [seal(scene, id, ordinary(scene, id), counter === undefined ? {} : { counter })]
  },
  'valid counter ahead': (scene) => {
    const counter = scene.peer.session.nextCounter + BigInt(pick(scene.random, AHEAD) - 1)
    const id = scene.newId()
    return [seal(scene, id, ordinary(scene, id), { counter })]
  },
  'counter behind': (scene) => {
    const counter = scene.peer.session.nextCounter - 1n - BigInt(pick(scene.random, BEHIND))
    const id = scene.newId()
    return [seal(scene, id, ordinary(scene, id), { counter: counter < 0n ? 0n : counter })]
  },
  'bit flipped': changed((bytes, { random }) => flip(bytes, below(random, bytes.length * 8))),
  'bit of the header flipped': changed((bytes, { random }) => flip(bytes, below(random, 128))),
  truncated: changed((bytes, { random }) => bytes.subarray(0, below(random, bytes.length))),
  'one byte less': changed((bytes) => bytes.subarray(0, -1)),
  extended: changed((bytes, { random }) => Buffer.concat([bytes, bytesOf(random, 1 + below(random, 64))])),
  'in two parts': (scene) => {
    const shot = valid(scene)
    const at = 1 + below(scene.random, shot.bytes.length - 1)
    const rest = { ...shot, id: scene.newId(), counter: undefined, bytes: shot.bytes.subarray(at) }
    return [{ ...shot, counter: undefined, bytes: shot.bytes.subarray(0, at) }, rest]
  },
  'unknown index': changed((bytes, { random }) => {
    bytes.writeUInt32LE(random.uint32(), 4)
    return bytes
  }),
  'index of another session': changed((bytes, { peer, peers }) => {
    const other = peers.find((one) => one !== peer && one.usableSession !== undefined)
    bytes.writeUInt32LE(other?.session.remoteIndex ?? 0, 4)
    return bytes
  }),
  'reserved bytes not zero': changed((bytes, { random }) => {
    bytes[1 + below(random, 3)] = 1 + below(random, 255)
    return bytes
  }),
  'other type': changed((bytes, { random }) => {
    bytes[0] = pick(random, [0, 1, 2, 3, 5, 6, 7, 8, 0x40, 0x84, 0xff])
    return bytes
  }),
  'key of nobody': (scene) => {
    const id = scene.newId()
    return [seal(scene, id, ordinary(scene, id), { key: nodeCrypto.aead(bytesOf(scene.random, 32)) })]
  },
  'key of the other direction': (scene) => {
    const id = scene.newId()
    return [seal(scene, id, ordinary(scene, id), { key: scene.peer.session.receive })]
  },
  'reflected message': (scene) => {
    const bytes = Buffer.from(scene.peer.session.lastReceived ?? bytesOf(scene.random, 64))
    bytes.writeUInt32LE(scene.peer.session.remoteIndex, 4)
    return [{ id: scene.newId(), bytes }]
  },
  'earlier session': (scene) => {
    const { peer, random } = scene
    const id = scene.newId()
    const session = peer.sessions[1 + below(random, 3)] ?? peer.session
    return [seal(scene, id, ordinary(scene, id), { session })]
  },
  'empty datagram': (scene) => [{ id: scene.newId(), bytes: new Uint8Array() }],
  'short noise': ({ newId, random }) => [{ id: newId(), bytes: bytesOf(random, 1 + below(random, 31)) }],
  noise: ({ newId, random }) => [{ id: newId(), bytes: bytesOf(random, 32 + below(random, 1400)) }],
  'noise with a good header': ({ newId, random, peer }) => {
    const bytes = Buffer.from(bytesOf(random, 16 + below(random, 200)))
    bytes.writeUInt32LE(4, 0)
    bytes.writeUInt32LE(peer.session.remoteIndex, 4)
    return [{ id: newId(), bytes }]
  },
}

export function flip(bytes: Buffer, bit: number): Buffer {
  const at = bit >> 3
  bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
  return bytes
}
