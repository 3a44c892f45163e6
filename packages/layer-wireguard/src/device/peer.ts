import type { LocalAddress, Peer, PeerPacket, SocketAddress } from '@millrace/core'
import type { HostPort } from '../config/config.ts'
import type { InitiatorState } from '../proto/handshake.ts'
import { MacStamper } from '../proto/macs.ts'
import type { Identity } from './identity.ts'
import type { Keypair } from './keypair.ts'
import { Keypairs } from './keypairs.ts'
import { PeerTimers } from './peer-timers.ts'

/** A handshake that we began and that waits for its response. */
export interface PendingHandshake {
  readonly localIndex: number
  readonly state: InitiatorState
}

// All peers have them in common that have none of their own.
const NO_KEY = new Uint8Array(32)
const NO_TIMESTAMP = new Uint8Array(12)

/**
 * Everything the device knows of one peer. Only the device changes it. Most peers of a large device never speak: what
 * only those need that do is made when it is first asked for.
 */
export class PeerState implements Peer {
  /** Its public key, base64. */
  readonly id: string
  /** All zero stands for none (paper §5.2). */
  presharedKey: Uint8Array = NO_KEY
  endpoint: SocketAddress | undefined
  /** What the endpoint was looked up from, if it has a name. */
  endpointName: HostPort | undefined
  /** Where its last packet came in: the source of ours to it. Undefined leaves the choice to the system. */
  local: LocalAddress | undefined
  /** Secret of the two static keys under the identity beside it; see `DeviceState.staticSharedOf`. */
  staticShared: Uint8Array | undefined
  staticSharedFor: Identity | undefined
  /** Latest TAI64N label taken from this peer. It outlives sessions. */
  latestTimestamp: Uint8Array = NO_TIMESTAMP
  /** Clock.now when the last initiation was taken from it, and when we last sent a handshake message to it. */
  lastInitiationAt: number = Number.NEGATIVE_INFINITY
  lastSentHandshakeAt: number = Number.NEGATIVE_INFINITY
  /** Unix time of the last completed handshake, milliseconds; 0 for never. */
  latestHandshake = 0
  receivedBytes = 0
  sentBytes = 0
  handshake: PendingHandshake | undefined
  readonly keypairs: Keypairs
  /** Milliseconds; 0 for off. */
  persistentKeepaliveInterval = 0
  /** Packets that wait for a session; held by this queue. */
  readonly staged: PeerPacket[] = []
  sentLastMinuteHandshake = false
  /** Whether a confirmed session stands: what the events tell. */
  isUp = false
  /** It came by a look-up, and goes when its keys do. */
  onDemand = false
  removed = false
  #name: string | undefined
  #macs: MacStamper | undefined
  #timers: PeerTimers | undefined

  get name(): string {
    return this.#name ?? `${this.id.slice(0, 8)}…`
  }

  set name(name: string) {
    this.#name = name
  }

  get publicKey(): Uint8Array {
    return Buffer.from(this.id, 'base64')
  }

  get macs(): MacStamper {
    this.#macs ??= new MacStamper(this.publicKey)
    return this.#macs
  }

  get timers(): PeerTimers {
    this.#timers ??= new PeerTimers()
    return this.#timers
  }

  /** The source for a datagram to it, unless the wire has found it to be of no more use. */
  get source(): LocalAddress | undefined {
    return this.local?.usable ? this.local : undefined
  }

  constructor(id: string, discardKeypair: (keypair: Keypair) => void) {
    this.id = id
    this.keypairs = new Keypairs(discardKeypair)
  }

  clearTimers(): void {
    this.#timers?.clear()
  }
}
