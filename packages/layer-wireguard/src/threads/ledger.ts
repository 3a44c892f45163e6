import type { Datagram } from '@millrace/core'
import type { HandOver } from '../device/hand-over.ts'
import type { Keypair } from '../device/keypair.ts'
import type { PeerState } from '../device/peer.ts'
import {
  ENTRIES,
  ENTRY_COUNTER_HIGH,
  ENTRY_COUNTER_LOW,
  ENTRY_INDEX,
  ENTRY_KEY,
  ENTRY_KIND,
  ENTRY_LENGTH,
  ENTRY_OFFSET,
  ENTRY_STRIDE,
  entryAt,
  JOBS,
  type JobRing,
  KIND_FAILED,
  KIND_OPEN,
  KIND_SEAL,
  NONE,
} from './job-ring.ts'
import type { Performer } from './performer.ts'

/** What is done with the packets that come back. They are the callee's. */
export interface Completion {
  sealed(packet: Datagram): void
  /** Messages of `stride` bytes, but for the last, each opened, or marked as not authentic. */
  opened(packet: Datagram, peer: PeerState, keypair: Keypair, stride: number): void
  /** The thread that had it has failed. */
  failed(packet: Datagram): void
}

/** What a job is worth at least, unless there is no more: about 20 µs of work. A small message costs as much as 512 bytes. */
const JOB_WEIGHT = 24 * 1024
/** Bytes that a message's fixed costs are worth. */
export const MESSAGE_WEIGHT = 512
/** Bytes of a message that needs no jumbo packet, and how many of the others may be under way: the pool is not ours alone. */
const SMALL = 1856
const MAX_LARGE = 48

/** The owner's side of a {@link JobRing}: what is handed over, and what belongs to it. */
export class Ledger implements HandOver {
  readonly memory: Uint8Array
  readonly #ring: JobRing
  readonly #packets: (Datagram | undefined)[] = new Array(ENTRIES).fill(undefined)
  readonly #peers: (PeerState | undefined)[] = new Array(ENTRIES).fill(undefined)
  readonly #keypairs: (Keypair | undefined)[] = new Array(ENTRIES).fill(undefined)
  /** Sessions that have ended, each with the job after which nothing uses its keys. */
  readonly #retired: { readonly keypair: Keypair; readonly after: number }[] = []
  // Jobs and entries are counted without end, as 32-bit numbers.
  #nextJob = 0
  #oldestJob = 0
  #nextEntry = 0
  #oldestEntry = 0
  /** Of the job that is being put together: its first entry, and what it is worth so far. */
  #begin = 0
  #weight = 0
  #large = 0

  constructor(ring: JobRing, memory: Uint8Array) {
    this.#ring = ring
    this.memory = memory
  }

  /** Whether anything has been handed over and not come back. */
  get busy(): boolean {
    return this.#nextEntry !== this.#oldestEntry
  }

  /** The job whose end is waited for. */
  get oldestJob(): number {
    return this.#oldestJob
  }

  get hasRoom(): boolean {
    const jobs = (this.#nextJob - this.#oldestJob) | 0
    const entries = (this.#nextEntry - this.#oldestEntry) | 0
    return jobs < JOBS - 1 && entries < ENTRIES - 1 && this.#large < MAX_LARGE
  }

  seal(packet: Datagram, keypair: Keypair, stride: number, counterHigh: number, counterLow: number): void {
    const { words } = this.#ring
    const at = this.#enter(packet, KIND_SEAL, stride, keypair.sendKey.address ?? 0)
    words[at + ENTRY_COUNTER_HIGH] = counterHigh
    words[at + ENTRY_COUNTER_LOW] = counterLow
    words[at + ENTRY_INDEX] = keypair.remoteIndex
    this.#added(packet, undefined, keypair, stride)
  }

  open(packet: Datagram, peer: PeerState, keypair: Keypair, stride: number): void {
    this.#enter(packet, KIND_OPEN, stride, keypair.receiveKey.address ?? 0)
    this.#added(packet, peer, keypair, stride)
  }

  retire(keypair: Keypair): void {
    const isOpen = this.#nextEntry !== this.#begin
    this.#retired.push({ keypair, after: (this.#nextJob + (isOpen ? 1 : 0)) | 0 })
    this.#wipe()
  }

  /** Whoever has time may begin with what was handed over. */
  publish(): void {
    this.#closeJob()
    this.#ring.publish(this.#nextJob)
  }

  /** Gives back what is done, in the order in which it was handed over. */
  consume(completion: Completion): void {
    while (this.#oldestJob !== this.#nextJob && this.#ring.isDone(this.#oldestJob)) {
      const end = this.#ring.end(this.#oldestJob)
      while (this.#oldestEntry !== end) this.#giveBack(completion)
      this.#oldestJob = (this.#oldestJob + 1) | 0
      this.#ring.consumed(this.#oldestJob)
    }
    if (this.#retired.length > 0) this.#wipe()
  }

  /** Does all that nobody has begun, and gives everything back. Only when there are no workers any more. */
  settle(performer: Performer, completion: Completion): void {
    this.publish()
    for (let job = this.#ring.claim(); job !== NONE; job = this.#ring.claim()) {
      performer.perform(job)
      this.#ring.finish(job)
    }
    for (let job = this.#oldestJob; job !== this.#nextJob; job = (job + 1) | 0) {
      if (this.#ring.isDone(job)) continue
      const end = this.#ring.end(job)
      for (let entry = this.#ring.begin(job); entry !== end; entry = (entry + 1) | 0) {
        this.#ring.words[entryAt(entry) + ENTRY_KIND] = KIND_FAILED
      }
      this.#ring.finish(job)
    }
    this.consume(completion)
  }

  #enter({ offset, length }: Datagram, kind: number, stride: number, key: number): number {
    const { words } = this.#ring
    const at = entryAt(this.#nextEntry)
    words[at + ENTRY_KIND] = kind
    words[at + ENTRY_OFFSET] = offset
    words[at + ENTRY_LENGTH] = length
    words[at + ENTRY_STRIDE] = stride
    words[at + ENTRY_KEY] = key
    words[at + ENTRY_KEY + 1] = key / 2 ** 32
    return at
  }

  #added(packet: Datagram, peer: PeerState | undefined, keypair: Keypair, stride: number): void {
    const place = this.#nextEntry & (ENTRIES - 1)
    this.#packets[place] = packet
    this.#peers[place] = peer
    this.#keypairs[place] = keypair
    this.#nextEntry = (this.#nextEntry + 1) | 0
    const { length } = packet
    if (length > SMALL) this.#large++
    this.#weight += length + Math.ceil(length / stride) * MESSAGE_WEIGHT
    if (this.#weight >= JOB_WEIGHT) this.#closeJob()
  }

  #closeJob(): void {
    if (this.#begin === this.#nextEntry) return
    this.#ring.prepare(this.#nextJob, this.#begin, this.#nextEntry)
    this.#nextJob = (this.#nextJob + 1) | 0
    this.#begin = this.#nextEntry
    this.#weight = 0
  }

  #giveBack(completion: Completion): void {
    const place = this.#oldestEntry & (ENTRIES - 1)
    const at = entryAt(this.#oldestEntry)
    const { words } = this.#ring
    const packet = this.#packets[place] as Datagram
    const peer = this.#peers[place]
    const keypair = this.#keypairs[place] as Keypair
    this.#packets[place] = undefined
    this.#peers[place] = undefined
    this.#keypairs[place] = undefined
    this.#oldestEntry = (this.#oldestEntry + 1) | 0
    if ((words[at + ENTRY_LENGTH] as number) > SMALL) this.#large--
    if (words[at + ENTRY_KIND] === KIND_FAILED) completion.failed(packet)
    else if (peer === undefined) completion.sealed(packet)
    else completion.opened(packet, peer, keypair, words[at + ENTRY_STRIDE] as number)
  }

  #wipe(): void {
    while (this.#retired.length > 0) {
      const { keypair, after } = this.#retired[0] as { keypair: Keypair; after: number }
      if (((this.#oldestJob - after) | 0) < 0) return
      keypair.wipe()
      this.#retired.shift()
    }
  }
}
