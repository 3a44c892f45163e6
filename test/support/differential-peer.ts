import type { SeededRandom } from '@millrace/core/testing'
import type { AeadKey } from '../../packages/layer-wireguard/src/crypto/crypto.ts'
import { nodeCrypto } from '../../packages/layer-wireguard/src/crypto/node.ts'
import { clamp } from '../../packages/layer-wireguard/src/keys.ts'
import type { KeyPair, TransportKeys } from '../../packages/layer-wireguard/src/proto/handshake.ts'

/** Sessions older than this are not used any more, milliseconds: neither side may want a new one while a step runs. */
const SESSION_LIFE = 90_000
const REMEMBERED = 64
const SESSIONS_KEPT = 4

/** A transport message as it was sent. */
export interface Sent {
  readonly counter: bigint
  readonly bytes: Uint8Array
}

/** One session with the implementation, as the attacker holds it. */
export class Session {
  readonly localIndex: number
  readonly remoteIndex: number
  readonly send: AeadKey
  readonly receive: AeadKey
  readonly madeAt: number = performance.now()
  /** The shot that began it. */
  readonly shot: number
  nextCounter = 0n
  /** The latest messages of it. */
  readonly sent: Sent[] = []
  /** The latest message from the other side. */
  lastReceived: Uint8Array | undefined
  /** Whether an echo has shown that the other side uses it. Nothing else counts on which the implementations may differ. */
  confirmed = false
  /** Not to be used for what should be accepted. */
  dead = false

  constructor({ send, receive }: TransportKeys, localIndex: number, remoteIndex: number, shot: number) {
    this.send = nodeCrypto.aead(send)
    this.receive = nodeCrypto.aead(receive)
    this.localIndex = localIndex
    this.remoteIndex = remoteIndex
    this.shot = shot
  }

  get usable(): boolean {
    return !this.dead && performance.now() - this.madeAt < SESSION_LIFE
  }

  remember(sent: Sent): void {
    this.sent.push(sent)
    if (this.sent.length > REMEMBERED) this.sent.shift()
  }
}

/** A peer of the implementation that the attacker plays. */
export class PlayedPeer {
  /** Its place in the address plan: 10.N.0.0/16 and fd00:0:0:N::/64. */
  readonly net: number
  readonly keys: KeyPair
  readonly presharedKey: Uint8Array = new Uint8Array(32)
  /** The number of its latest timestamp; goes up only. */
  stamp = 1
  /** The greatest of an initiation of its that was answered. */
  answeredStamp = 0
  lastInitiationAt: number = Number.NEGATIVE_INFINITY
  /** Newest first. */
  sessions: Session[] = []
  /** The last response to it, and its latest initiation that was answered. */
  lastResponse: Uint8Array | undefined
  lastInitiation: Uint8Array | undefined
  /** Of the cookies it has given the implementation: whether mac2 of a message was made with them. */
  cookies: ((message: Uint8Array) => boolean)[] = []

  constructor(net: number, random: SeededRandom, withPresharedKey: boolean) {
    this.net = net
    this.keys = newKeyPair(random)
    if (withPresharedKey) random.fill(this.presharedKey)
  }

  /** The session that data should go through. */
  get session(): Session {
    const session = this.usableSession
    if (session === undefined) throw new Error(`peer ${this.net} has no session`)
    return session
  }

  get usableSession(): Session | undefined {
    return this.sessions.find(({ usable }) => usable)
  }

  /** What was not confirmed is gone now. Where it may have been confirmed without our knowing, nothing is certain. */
  initiationAnswered(): void {
    const uncertain = this.sessions.some(({ confirmed, dead, nextCounter }) => !confirmed && !dead && nextCounter > 0n)
    for (const session of this.sessions) if (uncertain || !session.confirmed) session.dead = true
  }

  add(session: Session): void {
    this.sessions = [session, ...this.sessions].slice(0, SESSIONS_KEPT)
  }

  /** It has been taken away and configured anew. */
  forget(): void {
    this.sessions = []
    this.cookies = []
    this.lastResponse = undefined
    this.lastInitiation = undefined
    this.answeredStamp = 0
    this.lastInitiationAt = Number.NEGATIVE_INFINITY
  }

  /** The configuration of this peer. `endpoint` where it is to be known beforehand. */
  lines(endpoint?: string): readonly string[] {
    const lines = [`public_key=${hex(this.keys.publicKey)}`, `preshared_key=${hex(this.presharedKey)}`]
    if (endpoint !== undefined) lines.push(`endpoint=${endpoint}`)
    return [...lines, ...this.prefixes.map((prefix) => `allowed_ip=${prefix}`)]
  }

  get prefixes(): readonly string[] {
    const own = [`10.${this.net}.0.0/16`, `fd00:0:0:${this.net.toString(16)}::/64`]
    // The upper half of the first attacked peer's net belongs to the second.
    return this.net === FIRST_NET + 1
      ? [...own, `10.${FIRST_NET}.128.0/17`, `fd00:0:0:${FIRST_NET.toString(16)}:8000::/65`]
      : own
  }
}

/** Nets of the attacked peers begin here; those below belong to the peers by which the test keeps time. */
export const FIRST_NET = 32

export function newKeyPair(random: SeededRandom): KeyPair {
  const privateKey = new Uint8Array(32)
  random.fill(privateKey)
  clamp(privateKey)
  return { privateKey, publicKey: nodeCrypto.publicKey(privateKey) }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
