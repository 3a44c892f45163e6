import { Worker } from 'node:worker_threads'
import type { Logger } from '@millrace/core'
import { Doorbell, type OpenSsl, type SystemCalls } from '@millrace/native'
import type { NativeCipher } from '../crypto/provider.ts'
import { JobRing, NONE, ringMemory } from './job-ring.ts'
import { type Completion, Ledger } from './ledger.ts'
import { Performer } from './performer.ts'
import type { WorkerData } from './worker.ts'

/** Jobs that nobody has begun, beyond which this thread does them before it takes in anything else. */
const BACKLOG = 8
/** How long workers have to finish what they are at when the end comes, milliseconds. */
const LAST_JOB = 1000

/** A round in which things come back: everything between `begin` and `end`, in a turn of its own. */
export interface CrewOwner extends Completion {
  begin(): void
  end(): void
  /** A worker has died, and with it all of them: from now on this thread does everything itself. */
  lost(): void
}

export interface CrewOptions {
  /** Beside this one. */
  readonly workers: number
  /** The packet memory. */
  readonly memory: Uint8Array
  readonly system: SystemCalls
  readonly openSsl: OpenSsl
  readonly cipher: NativeCipher
  /** The code of a worker. */
  readonly script: URL
  readonly owner: CrewOwner
  readonly logger: Logger
}

/**
 * Workers that seal and open, and the turns in which what they have done comes back. This thread helps: it has the oldest
 * job done itself before it would wait, so that nothing ever waits for a worker to wake up.
 */
export class Crew {
  readonly ledger: Ledger
  readonly #ring: JobRing
  readonly #performer: Performer
  readonly #owner: CrewOwner
  readonly #doorbell: Doorbell
  readonly #workers: readonly Worker[]
  readonly #exits: readonly Promise<unknown>[]
  readonly #onTurn: () => void
  #isTurnDue = false
  #ending: Promise<void> | undefined
  #ended = false

  constructor({ workers, memory, system, openSsl, cipher, script, owner, logger }: CrewOptions) {
    const shared = ringMemory()
    this.#ring = new JobRing(shared)
    this.ledger = new Ledger(this.#ring, memory)
    this.#performer = new Performer(this.#ring, memory, cipher)
    this.#owner = owner
    this.#onTurn = () => this.#turn()
    this.#doorbell = new Doorbell(system, this.#onTurn)
    const workerData: WorkerData = {
      ring: shared,
      address: openSsl.addressOf(memory),
      size: memory.length,
      cipher: cipher.name,
      doorbell: this.#doorbell.fd,
    }
    this.#workers = Array.from({ length: workers }, () => new Worker(script, { workerData }))
    this.#exits = this.#workers.map((worker) => {
      worker.unref()
      let cause: unknown
      worker.on('error', (error) => {
        cause = error
      })
      return new Promise((resolve) => {
        worker.on('exit', (code) => {
          resolve(code)
          if (this.#ending !== undefined) return
          logger.error({ err: cause, code }, 'wireguard: a worker has died; going on with one thread')
          this.#ending = this.#end(true)
        })
      })
    })
  }

  /** What was handed over may be begun with. */
  publish(): void {
    if (this.#ended || !this.ledger.busy) return
    this.ledger.publish()
    this.#schedule()
  }

  /** When it resolves there are no workers any more, and everything has come back. */
  stop(): Promise<void> {
    this.#ending ??= this.#end(false)
    return this.#ending
  }

  #schedule(): void {
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    setImmediate(this.#onTurn)
  }

  #turn(): void {
    this.#isTurnDue = false
    if (this.#ended) return
    const ring = this.#ring
    const { ledger } = this
    this.#owner.begin()
    ledger.consume(this.#owner)
    do this.#help()
    while (ring.unclaimed > BACKLOG)
    ledger.consume(this.#owner)
    this.#owner.end()
    if (this.#ended || !ledger.busy) return
    if (ring.unclaimed > 0 || !ring.await(ledger.oldestJob)) this.#schedule()
    else this.#doorbell.listen()
  }

  #help(): void {
    const job = this.#ring.claim()
    if (job === NONE) return
    this.#performer.perform(job)
    this.#ring.finish(job)
  }

  async #end(isLost: boolean): Promise<void> {
    this.#ring.stop()
    const late = isLost ? 0 : LAST_JOB
    const timer = setTimeout(() => {
      for (const worker of this.#workers) void worker.terminate()
    }, late)
    await Promise.all(this.#exits)
    clearTimeout(timer)
    // Before anything comes back: what that brings about is done by this thread, and not handed over to nobody.
    if (isLost) this.#owner.lost()
    this.#owner.begin()
    this.ledger.settle(this.#performer, this.#owner)
    this.#ended = true
    this.#performer.forget()
    this.#owner.end()
    this.#doorbell.close()
  }
}
