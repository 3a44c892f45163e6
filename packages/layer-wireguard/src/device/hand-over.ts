import type { Datagram } from '@millrace/core'
import type { Keypair } from './keypair.ts'
import type { PeerState } from './peer.ts'

/** Takes sealing and opening off the thread that all else happens on. What is handed over comes back, in order, later. */
export interface HandOver {
  /** The packet memory: nothing that lies elsewhere can be handed over. */
  readonly memory: Uint8Array
  /** False when it is full, and the next packet has to be dropped. */
  readonly hasRoom: boolean
  /**
   * Takes over a packet whose bytes, from `offset` on, are messages that lack only what sealing gives them: `stride` bytes
   * each but for the last, with room for the header, the content, and room for the tag.
   */
  seal(packet: Datagram, keypair: Keypair, stride: number, counterHigh: number, counterLow: number): void
  /** Takes over a packet of transport messages that were all sent to `keypair`, `stride` bytes each but for the last. */
  open(packet: Datagram, peer: PeerState, keypair: Keypair, stride: number): void
  /** Wipes a session's keys as soon as nothing uses them any more. */
  retire(keypair: Keypair): void
}
