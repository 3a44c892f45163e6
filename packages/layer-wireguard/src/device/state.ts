import {
  type Datagram,
  Deadlines as DeadlineQueue,
  type Deadlines,
  type LocalAddress,
  type PooledPacket,
  type Random,
  type Segmenter,
  type SocketAddress,
} from '@millrace/core'
import type { HostPort } from '../config/config.ts'
import type { CryptoProvider } from '../crypto/crypto.ts'
import { CONSTRUCTION, IDENTIFIER } from '../proto/constants.ts'
import { SymmetricState } from '../proto/noise.ts'
import type { WireguardEvent } from './events.ts'
import type { HandOver } from './hand-over.ts'
import type { Identity } from './identity.ts'
import { IndexTable } from './index-table.ts'
import type { Keypair } from './keypair.ts'
import type { PeerState } from './peer.ts'

/** Where the state machine puts what it makes. It opens no socket and keeps no packet that it was only shown. */
export interface DeviceOutput {
  /** A handshake message for the wire, to go out from `local` if that is given. */
  transmitMessage(message: Uint8Array, remote: SocketAddress, local: LocalAddress | undefined): void
  /** An empty packet that the device will hand back by `transmitPacket`; undefined when the pool is empty. */
  acquire(size: number): PooledPacket | undefined
  /** A sealed packet that is the device's own: a keepalive, or one that was staged. Takes it over. */
  transmitPacket(packet: Datagram): void
  drop(reason: string, packets: number): void
  event(event: WireguardEvent): void
  /** The endpoint of a peer has a name, and is not known yet or does not answer; see `Device.endpointFound`. */
  findEndpoint?(id: string, name: HostPort, failed: SocketAddress | undefined): void
  /** An initiation of somebody unknown. True if it was kept, to be adopted (`Device.adopt`) once it is known who that is. */
  unknownPeer?(id: string, packet: Datagram): boolean
}

/** What all parts of the state machine share. `now` and `wall` are set from outside before each step. */
export class DeviceState {
  readonly output: DeviceOutput
  random: Random
  crypto: CryptoProvider
  /** Cuts super-packets; undefined while there is no packet memory. */
  segmenter: Segmenter | undefined
  /** Set while sealing and opening are other threads' work, in this step. */
  handOver: HandOver | undefined
  /** Undefined while there is no private key. */
  identity: Identity | undefined
  readonly initial: SymmetricState = SymmetricState.initialize(CONSTRUCTION, Buffer.from(IDENTIFIER))
  readonly indices: IndexTable = new IndexTable()
  readonly deadlines: Deadlines<PeerState> = new DeadlineQueue()
  /** Of the packets inside the tunnel, bytes. */
  mtu = 1420
  /** Packets staged for all peers together. */
  stagedPackets = 0
  /** Clock.now and Clock.wall, milliseconds. */
  now = 0
  wall = 0

  constructor(output: DeviceOutput, random: Random, crypto: CryptoProvider) {
    this.output = output
    this.random = random
    this.crypto = crypto
  }

  /**
   * The secret of the two static keys, computed when it is first needed: a device may have far more peers than speak.
   * Undefined without a private key, or if the secret would be zero.
   */
  staticSharedOf(peer: PeerState): Uint8Array | undefined {
    const { identity } = this
    if (peer.staticSharedFor !== identity) {
      peer.staticShared?.fill(0)
      peer.staticSharedFor = identity
      peer.staticShared = identity && this.crypto.sharedSecret(identity.local.privateKey, peer.publicKey)
    }
    return peer.staticShared
  }

  /** The drop's name where `staticSharedOf` gives nothing. */
  whyNoHandshake(): string {
    return this.identity === undefined ? 'no-private-key' : 'peer-key-of-low-order'
  }

  /** Ends a session. Its keys are wiped, at once unless another thread still works with them. */
  retire(keypair: Keypair): void {
    keypair.ended = true
    if (this.handOver === undefined) keypair.wipe()
    else this.handOver.retire(keypair)
  }

  /** Sees to it that the peer is looked at when the earliest of its deadlines is due. */
  schedule(peer: PeerState): void {
    const earliest = peer.timers.earliest()
    if (earliest >= peer.timers.scheduledAt) return
    peer.timers.scheduledAt = earliest
    this.deadlines.add(earliest, peer)
  }

  /** The source of an authenticated packet is where the peer is now (paper §2.1), and where it came in our answers leave. */
  setEndpoint(peer: PeerState, { remote, local }: Datagram): void {
    const from = peer.endpoint
    peer.local = local
    if (from?.equals(remote)) return
    peer.endpoint = remote
    if (from !== undefined) this.output.event({ type: 'roamed', peer: describe(peer), from, to: remote })
  }
}

export function describe(peer: PeerState): { readonly name: string; readonly publicKey: string } {
  return { name: peer.name, publicKey: peer.id }
}
