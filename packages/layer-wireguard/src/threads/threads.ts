import type { Batch, Context, Datagram, Packet, PeerPacket, Service, Spare } from '@millrace/core'
import { loadNative, OPENSSL, SYSTEM_CALLS } from '@millrace/native'
import { CRYPTO } from '../crypto/crypto.ts'
import type { HandOver } from '../device/hand-over.ts'
import type { Keypair } from '../device/keypair.ts'
import type { PeerState } from '../device/peer.ts'
import type { Opener } from '../opener.ts'
import { Crew, type CrewOwner } from './crew.ts'
import { MESSAGE_WEIGHT } from './ledger.ts'
import { WORKER_SCRIPT } from './worker-script.ts'

/**
 * What a batch must be worth to be handed over, in bytes, a message's fixed costs being as much as 512: more than one
 * super-packet, or 50 packets of full size. To wake a worker costs as much as to seal half of that.
 */
const WORTH_IT = 96 * 1024

/** The layer that has the threads. */
export interface ThreadsOwner {
  readonly context: Context
  readonly openers: Spare<Opener>
  /** Tells the device the time. */
  step(): void
  /** Sends what the device has made. */
  finish(): void
  /** Sends a sealed packet, and takes it over. */
  transmit(packet: Datagram): void
  /** Where packets go that have been opened. */
  readonly inner: Service<PeerPacket> | undefined
}

/** Sealing and opening on other threads: what is worth handing over, and what happens to it when it comes back. */
export class Threads implements CrewOwner {
  readonly #owner: ThreadsOwner
  readonly #crew: Crew
  readonly #drop: (reason: string) => void
  #opener: Opener | undefined
  #stopping = false
  #isLost = false

  private constructor(owner: ThreadsOwner, threads: number, needs: Needs) {
    const { pool, logger, runtime } = owner.context
    this.#owner = owner
    this.#drop = (reason) => owner.context.drop(reason)
    const script = runtime.get(WORKER_SCRIPT)
    this.#crew = new Crew({ workers: threads - 1, memory: pool.memory, ...needs, script, owner: this, logger })
  }

  /** Undefined where no more than one can be had, which is logged. */
  static start(owner: ThreadsOwner, threads: number): Threads | undefined {
    const needs = findNeeds(owner.context)
    if (typeof needs !== 'string') return new Threads(owner, threads, needs)
    owner.context.logger.warn({ threads }, `wireguard: one thread instead of ${threads}: ${needs}`)
    return undefined
  }

  /** Who takes things over now: whoever still has some, so that everything stays in order. */
  get handOver(): HandOver | undefined {
    return !this.#isLost && this.#crew.ledger.busy ? this.#crew.ledger : undefined
  }

  /** As `handOver`, for the packets of a batch. */
  handOverFor(batch: Batch<Datagram> | Batch<PeerPacket>): HandOver | undefined {
    if (this.#isLost || this.#stopping) return undefined
    return this.#crew.ledger.busy || isWorthIt(batch) ? this.#crew.ledger : undefined
  }

  /** After things have been handed over. */
  publish(): void {
    this.#crew.publish()
  }

  /** What has been sealed still leaves; what has been opened goes no further. */
  stop(): Promise<void> {
    this.#stopping = true
    return this.#crew.stop()
  }

  begin(): void {
    this.#opener = this.#owner.openers.take()
    this.#opener.begin(true)
    this.#owner.step()
  }

  sealed(packet: Datagram): void {
    this.#owner.transmit(packet)
  }

  opened(packet: Datagram, peer: PeerState, keypair: Keypair, stride: number): void {
    if (!this.#stopping) this.#opener?.take(packet, peer, keypair, stride, this.#drop)
    else this.#fail(packet, 'device-closed')
  }

  failed(packet: Datagram): void {
    this.#fail(packet, 'worker-lost')
  }

  end(): void {
    const opener = this.#opener
    this.#opener = undefined
    if (opener === undefined) return
    opener.finish()
    this.#owner.finish()
    if (this.#owner.inner !== undefined) opener.serve(this.#owner.inner)
    this.#owner.openers.giveBack(opener)
  }

  lost(): void {
    this.#isLost = true
  }

  #fail(packet: Packet, reason: string): void {
    this.#owner.context.drop(reason, packet.segments)
    packet.release()
  }
}

function isWorthIt(batch: Batch<Packet>): boolean {
  let weight = 0
  for (let i = 0; i < batch.length; i++) {
    const packet = batch.at(i)
    weight += packet.length + packet.segments * MESSAGE_WEIGHT
  }
  return weight >= WORTH_IT
}

type Needs = Pick<ConstructorParameters<typeof Crew>[0], 'system' | 'openSsl' | 'cipher'>

/** What other threads need, or why they cannot be had. */
function findNeeds({ runtime }: Context): Needs | string {
  const system = runtime.get(SYSTEM_CALLS)
  const openSsl = runtime.get(OPENSSL)
  const { cipher, name } = runtime.get(CRYPTO)
  if (system === undefined) return loadNative().reason ?? 'no system calls are bound'
  if (openSsl === undefined) return 'the functions of OpenSSL cannot be called'
  if (cipher === undefined) return `the crypto provider ${name} cannot be used on several`
  if (typeof SharedArrayBuffer === 'undefined') return 'memory cannot be shared'
  return { system, openSsl, cipher }
}
