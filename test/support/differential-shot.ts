import type { SeededRandom } from '@millrace/core/testing'
import { type CryptoProvider, SEAL_HEADROOM } from '../../packages/layer-wireguard/src/crypto/crypto.ts'
import { nodeCrypto } from '../../packages/layer-wireguard/src/crypto/node.ts'
import { CONSTRUCTION, IDENTIFIER } from '../../packages/layer-wireguard/src/proto/constants.ts'
import { createInitiation, type InitiatorState } from '../../packages/layer-wireguard/src/proto/handshake.ts'
import { MacStamper } from '../../packages/layer-wireguard/src/proto/macs.ts'
import { MESSAGE_TRANSPORT, writeInitiation } from '../../packages/layer-wireguard/src/proto/messages.ts'
import { SymmetricState } from '../../packages/layer-wireguard/src/proto/noise.ts'
import { bytesOf } from './differential-inner.ts'
import type { PlayedPeer, Session } from './differential-peer.ts'

export const INITIAL: SymmetricState = SymmetricState.initialize(CONSTRUCTION, Buffer.from(IDENTIFIER))
const HEADER = 16
const TAG = 16
const EMPTY: Uint8Array = new Uint8Array()

/** One datagram, and what is needed to know what became of it. */
export interface Shot {
  /** Its number: what comes out of the tunnel, or back, says which shot it is for. */
  readonly id: number
  readonly bytes: Uint8Array
  /** The packet inside, with its padding. */
  readonly inner?: Uint8Array
  readonly session?: Session
  /** The counter, if it is a transport message that is as it was sealed. */
  readonly counter?: bigint | undefined
  readonly initiation?: SentInitiation
}

export interface SentInitiation {
  readonly peer: PlayedPeer
  readonly state: InitiatorState
  readonly presharedKey: Uint8Array
  /** The number of its timestamp. */
  readonly stamp: number
}

/** What a shot is made from. `random` gives the same numbers whatever the implementation does. */
export interface Scene {
  readonly peer: PlayedPeer
  readonly peers: readonly PlayedPeer[]
  readonly random: SeededRandom
  /** Public key of the implementation. */
  readonly target: Uint8Array
  newId(): number
}

export interface SealOptions {
  readonly session?: Session
  readonly counter?: bigint
  readonly key?: Session['send']
  readonly padTo?: number
}

/** A transport message with `inner` in it, under the next counter if no other is given. */
export function seal(scene: Scene, id: number, inner: Uint8Array = EMPTY, options: SealOptions = {}): Shot {
  const { session = scene.peer.session, counter = session.nextCounter, key = session.send, padTo = 16 } = options
  const padded = Math.ceil(inner.length / padTo) * padTo
  const memory = new Uint8Array(SEAL_HEADROOM + padded + TAG)
  memory.set(inner, SEAL_HEADROOM)
  const plain = memory.slice(SEAL_HEADROOM, SEAL_HEADROOM + padded)
  key.seal(Number(counter >> 32n), Number(counter & 0xffff_ffffn), memory, SEAL_HEADROOM, padded)
  const bytes = memory.slice(SEAL_HEADROOM - HEADER)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MESSAGE_TRANSPORT, true)
  view.setUint32(4, session.remoteIndex, true)
  view.setBigUint64(8, counter, true)
  if (counter >= session.nextCounter) session.nextCounter = counter + 1n
  return { id, bytes, inner: plain, session, counter }
}

export interface InitiationOptions {
  readonly crypto?: CryptoProvider
  /** Default: the peer's own. */
  readonly keys?: PlayedPeer['keys']
  /** The private key for the static-static secret, if it is not that of `keys`. */
  readonly signer?: Uint8Array
  /** Whom it is encrypted for. Default: the implementation. */
  readonly recipient?: Uint8Array
  /** The number of its timestamp. Default: the next. */
  readonly stamp?: number
  readonly presharedKey?: Uint8Array
  readonly senderIndex?: number
  /** Changes the message before its MACs are made. */
  readonly change?: (message: Uint8Array) => void
}

/** A handshake initiation of the peer with a timestamp later than all before, if nothing else is said. */
export function initiate({ peer, random, target }: Scene, id: number, options: InitiationOptions = {}): Shot {
  const { crypto = nodeCrypto, keys = peer.keys, recipient = target, presharedKey = peer.presharedKey } = options
  const shared = nodeCrypto.sharedSecret(options.signer ?? keys.privateKey, recipient) ?? new Uint8Array(32)
  const stamp = options.stamp ?? ++peer.stamp
  const made = createInitiation(crypto, INITIAL, keys, recipient, shared, bytesOf(random, 32), label(stamp))
  if (made === undefined) throw new Error('the recipient has no low-order key')
  const index = options.senderIndex ?? random.uint32()
  const bytes = writeInitiation(index, made.ephemeral, made.encryptedStatic, made.encryptedPayload)
  options.change?.(bytes)
  new MacStamper(target).stamp(bytes, 0)
  return { id, bytes, initiation: { peer, state: made.state, presharedKey, stamp } }
}

/** A TAI64N label of 2020, so many seconds and nanoseconds in; at FAR_FUTURE and later, of the end of time. */
function label(stamp: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, stamp >= FAR_FUTURE ? 0xffff_ffff : 0x4000_0000)
  view.setUint32(4, 0x5e0b_e100)
  view.setUint32(8, stamp)
  return bytes
}

/** Two initiations of one peer that are closer than this are one too many, milliseconds. */
export const FLOOD_GAP = 20

/** Stamps from here on. */
export const FAR_FUTURE = 0x8000_0000

/** As the recipient would compute them with a point of low order: whoever sends one knows what secrets come of it. */
export function withLowOrder(point: Uint8Array): CryptoProvider {
  return { ...nodeCrypto, name: 'low order', publicKey: () => point, sharedSecret: () => new Uint8Array(32) }
}

/** The points of low order, RFC 7748 §7 and those that stand for the same modulo p. */
export const LOW_ORDER: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map((text) => Uint8Array.from(Buffer.from(text, 'hex')))
