import type { Observable } from 'rxjs'
import type { Endpoint, Service } from '../contract/index.ts'
import type { Batch } from '../packet/batch.ts'
import type { Packet } from '../packet/packet.ts'
import { PacketPool, type PoolOptions } from '../packet/pool.ts'
import { CLOCK, LOGGER, type Runtime } from '../runtime/runtime.ts'
import type { Branch } from './chain.ts'
import type { DropStatistics, EdgeStatistics } from './edge.ts'
import { rootContext, Scope } from './scope.ts'
import type { StartOptions } from './stack.ts'
import { eventsOf, type StackEvent } from './stack-event.ts'
import { nameOf, StopLimit, stopAll } from './stop.ts'

/** Breaks the circle of wiring: the wire needs the stack to connect, and the stack the wire. */
class Relay implements Service<Packet> {
  next: Service<Packet> | undefined

  serve(batch: Batch<Packet>): void {
    this.next?.serve(batch)
  }
}

/** A stack through which packets flow. `await using` stops it at the end of the block. */
export class RunningStack implements AsyncDisposable {
  /** Events of all layers, each with the name of its line. */
  readonly events: Observable<StackEvent>
  /** Resolves when the stack has stopped, whoever stopped it. */
  readonly stopped: Promise<void>
  /** The packet memory of this data path. */
  readonly pool: PacketPool
  readonly #wire: Endpoint<Packet>
  readonly #branch: Branch<Packet>
  readonly #scope: Scope
  readonly #runtime: Runtime
  readonly #abort = new AbortController()
  readonly #stopLimit: number
  readonly #resolveStopped: () => void
  #wireStarted = false
  #stopping: Promise<void> | undefined

  private constructor(
    wire: Endpoint<Packet>,
    branch: Branch<Packet>,
    runtime: Runtime,
    pool: PacketPool,
    stopLimit: number,
  ) {
    this.#wire = wire
    this.#branch = branch
    this.#runtime = runtime
    this.#stopLimit = stopLimit
    this.pool = pool
    this.#scope = new Scope(rootContext(runtime, pool, this.#abort.signal))
    let resolveStopped = (): void => {}
    this.stopped = new Promise((resolve) => {
      resolveStopped = resolve
    })
    this.#resolveStopped = resolveStopped
    this.events = eventsOf([wire, branch])
  }

  static async start(
    wire: Endpoint<Packet>,
    branch: Branch<Packet>,
    runtime: Runtime,
    poolOptions: PoolOptions,
    { signal, stopLimit = 5000 }: StartOptions,
  ): Promise<RunningStack> {
    signal?.throwIfAborted()
    const running = new RunningStack(wire, branch, runtime, new PacketPool(poolOptions), stopLimit)
    const relay = new Relay()
    relay.next = wire.connect(branch.connectAbove(nameOf(wire), relay))
    const logger = runtime.get(LOGGER)
    try {
      await wire.start?.(running.#scope.contextFor(nameOf(wire)))
      running.#wireStarted = true
      await branch.start(running.#scope.contextFor('stack'))
    } catch (error) {
      await running.stop().catch((err) => logger.error({ err }, 'stop after a failed start'))
      throw error
    }
    const stop = (): void => void running.stop().catch((err) => logger.error({ err }, 'stop failed'))
    signal?.addEventListener('abort', stop, { once: true })
    void running.stopped.then(() => signal?.removeEventListener('abort', stop))
    if (signal?.aborted) stop()
    return running
  }

  /** Stops reading, lets every layer finish, closes both ends. Calling it again waits for the same stop. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Counters of every edge, from the wire up, those inside forks and branches after them. */
  edges(): readonly EdgeStatistics[] {
    return this.#branch.edges()
  }

  /** Every named drop so far, from all edges and lines. */
  drops(): readonly DropStatistics[] {
    const total = new Map<string, DropStatistics>()
    const add = (line: string, reason: string, packets: number): void => {
      const key = `${line}\n${reason}`
      total.set(key, { line, reason, packets: packets + (total.get(key)?.packets ?? 0) })
    }
    for (const { to, drops } of this.edges()) {
      for (const [reason, packets] of Object.entries(drops)) add(to, reason, packets)
    }
    const outside = [...this.#scope.statistics(), ...(this.#wire.drops?.() ?? []), ...this.#branch.drops()]
    for (const { line, reason, packets } of outside) add(line, reason, packets)
    return [...total.values()]
  }

  async #stop(): Promise<void> {
    const limit = new StopLimit(this.#stopLimit, this.#runtime.get(CLOCK))
    this.#abort.abort()
    try {
      try {
        await this.#branch.stop(limit)
      } finally {
        if (this.#wireStarted) await stopAll([this.#wire], limit)
      }
    } finally {
      limit.cancel()
      if (limit.late.length > 0) {
        const logger = this.#runtime.get(LOGGER)
        logger.warn({ parts: limit.late, limit: this.#stopLimit }, 'did not stop in time')
      }
      this.#resolveStopped()
    }
  }
}
