import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '@millrace/core/testing'
import { echo } from './differential-inner.ts'
import type { Listener } from './differential-listener.ts'
import type { PlayedPeer, Session } from './differential-peer.ts'
import { FLOOD_GAP, initiate, type Scene, type Shot, seal } from './differential-shot.ts'
import type { Wire } from './differential-wire.ts'

/** Turns of the event loop, in each of which all sockets are read. */
const TURNS = 2
const TRIES = 200

export interface TimekeeperSetup {
  readonly wire: Wire
  readonly listener: Listener
  readonly random: SeededRandom
  readonly scene: (peer: PlayedPeer, random: SeededRandom) => Scene
  /** The peer whose echoes tell that what was sent before has been taken. */
  readonly anchor: PlayedPeer
  /** The peers whose handshakes tell that those before have been looked at. They take turns, each being limited in time. */
  readonly bells: readonly PlayedPeer[]
}

/** Knows when the implementation has done all it will do, by things that must be answered. Nobody attacks with its peers. */
export class Timekeeper {
  readonly #setup: TimekeeperSetup
  /** Its echoes since they were last forgotten. */
  readonly #echoes = new Set<number>()
  #rung = 0
  /** When the handshake messages sent before the last bell had been looked at, of performance.now. */
  handshakesDone = 0

  constructor(setup: TimekeeperSetup) {
    this.#setup = setup
  }

  /** Those that it plays itself. */
  get peers(): readonly PlayedPeer[] {
    return [this.#setup.anchor, ...this.#setup.bells]
  }

  /** Waits until the implementation answers at all: it opens its sockets when it sees the link come up. */
  async awaken(): Promise<void> {
    const { anchor, listener } = this.#setup
    for (let tries = 0; anchor.usableSession === undefined; tries++) {
      if (tries === TRIES) throw new Error('the implementation answers no initiation')
      const id = this.#initiate(anchor, 0)
      await sleep(FLOOD_GAP + 5)
      listener.outcome(id)
    }
  }

  /** Waits until the implementation would take another initiation of the peer. */
  async gap({ lastInitiationAt }: PlayedPeer): Promise<void> {
    for (;;) {
      const left = lastInitiationAt + FLOOD_GAP + 2 - performance.now()
      if (left <= 0) return
      await sleep(left)
    }
  }

  /** A new session, confirmed by an echo. */
  async begin(peer: PlayedPeer, socket: number): Promise<Session> {
    await this.#handshake(peer, socket)
    await this.confirm(peer, socket)
    return peer.session
  }

  /** An echo of the peer that comes back. */
  async confirm(peer: PlayedPeer, socket: number): Promise<void> {
    const { listener, random } = this.#setup
    const scene = this.#setup.scene(peer, random)
    const id = scene.newId()
    this.#echoes.add(id)
    this.#send(seal(scene, id, echo(`10.${peer.net}.0.1`, id)), socket, peer)
    await listener.heardOf(id, `an answer to an echo of peer ${peer.net}`)
    listener.outcome(id)
  }

  /** Whether this is an echo by which time was kept. */
  isEcho(id: number | undefined): boolean {
    return id !== undefined && this.#echoes.has(id)
  }

  forgetEchoes(): void {
    this.#echoes.clear()
  }

  /** A handshake that is answered: handshake messages sent before, from sockets of the same family, have been looked at. */
  async ring(socket: number): Promise<void> {
    const { bells } = this.#setup
    await this.#handshake(bells[this.#rung++ % bells.length] as PlayedPeer, socket)
    this.handshakesDone = performance.now()
  }

  /**
   * Waits until what was sent from sockets of this family has been taken, and what came of it has been read. The second
   * echo leaves time for the work of the other peers, which the first may overtake.
   */
  async settle(socket: number): Promise<void> {
    await this.roundTrip(socket)
    await this.roundTrip(socket)
    for (let turn = 0; turn < TURNS; turn++) await new Promise((next) => setImmediate(next))
  }

  /** An echo that comes back: what was sent from this socket before has been taken. */
  async roundTrip(socket: number): Promise<void> {
    const { anchor } = this.#setup
    if (anchor.usableSession === undefined) await this.begin(anchor, socket)
    else await this.confirm(anchor, socket)
  }

  async #handshake(peer: PlayedPeer, socket: number): Promise<void> {
    const { listener } = this.#setup
    await this.gap(peer)
    const id = this.#initiate(peer, socket)
    await listener.heardOf(id, `a response to peer ${peer.net}`)
    peer.lastInitiationAt = performance.now()
    listener.outcome(id)
  }

  #initiate(peer: PlayedPeer, socket: number): number {
    const scene = this.#setup.scene(peer, this.#setup.random)
    const id = scene.newId()
    this.#send(initiate(scene, id), socket, peer)
    return id
  }

  #send(shot: Shot, socket: number, peer: PlayedPeer): void {
    this.#setup.listener.expect(shot, socket, peer)
    this.#setup.wire.send(shot.bytes, socket)
  }
}
