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

/** Everything the device knows of one peer. Only the device changes it. */
export class PeerState implements Peer {
  readonly publicKey: Uint8Array
  /** Base64. */
  readonly id: string
  name: string
  presharedKey: Uint8Array = new Uint8Array(32)
  endpoint: SocketAddress | undefined
  /** What the endpoint was looked up from, if it has a name. */
  endpointName: HostPort | undefined
  /** Where its last packet came in: the source of ours to it. Undefined leaves the choice to the system. */
  local: LocalAddress | undefined
  /** Secret of the two static keys under the identity beside it; see `DeviceState.staticSharedOf`. */
  staticShared: Uint8Array | undefined
  staticSharedFor: Identity | undefined
  /** Latest TAI64N label taken from this peer. It outlives sessions. */
  latestTimestamp: Uint8Array = new Uint8Array(12)
  /** Clock.now when the last initiation was taken from it, and when we last sent a handshake message to it. */
  lastInitiationAt: number = Number.NEGATIVE_INFINITY
  lastSentHandshakeAt: number = Number.NEGATIVE_INFINITY
  /** Unix time of the last completed handshake, milliseconds; 0 for never. */
  latestHandshake = 0
  receivedBytes = 0
  sentBytes = 0
  handshake: PendingHandshake | undefined
  readonly keypairs: Keypairs
  readonly macs: MacStamper
  readonly timers: PeerTimers = new PeerTimers()
  /** Packets that wait for a session; held by this queue. */
  readonly staged: PeerPacket[] = []
  sentLastMinuteHandshake = false
  /** Whether a confirmed session stands: what the events tell. */
  isUp = false
  /** It came by a look-up, and goes when its keys do. */
  onDemand = false
  removed = false

  /** The source for a datagram to it, unless the wire has found it to be of no more use. */
  get source(): LocalAddress | undefined {
    return this.local?.usable ? this.local : undefined
  }

  constructor(publicKey: Uint8Array, id: string, name: string, discardKeypair: (keypair: Keypair) => void) {
    this.publicKey = publicKey
    this.id = id
    this.name = name
    this.macs = new MacStamper(publicKey)
    this.keypairs = new Keypairs(discardKeypair)
  }
}
