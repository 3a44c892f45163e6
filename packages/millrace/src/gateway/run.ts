import { existsSync } from 'node:fs'
import { EnvironmentError, LOGGER, type Logger, RANDOM, type RunningStack, type Runtime } from '@millrace/core'
import { Disabled } from '../disabled.ts'
import { LockFile } from '../state/lock.ts'
import type { GatewayState } from '../state/state.ts'
import type { StateStore } from '../state/store.ts'
import type { Change } from './changes.ts'
import { checkPlan, checkPrivileges } from './check.ts'
import { type ComposedGateway, composeGateway } from './compose.ts'
import { logEvent } from './events.ts'
import type { GatewayFlags } from './flags.ts'
import { PeerFollower } from './follow.ts'
import type { Host } from './host.ts'
import { Journal } from './journal.ts'
import { egressAddress, isPrivateEndpoint, outerInterface, publicEndpoint } from './outside.ts'
import { plan } from './plan.ts'
import type { Presentation } from './present.ts'
import { Teardown } from './teardown.ts'

export interface GatewayRun {
  readonly store: StateStore
  readonly flags: GatewayFlags
  /** Logs one packet in so many; 0 none. */
  readonly sample: number
  /** Threads that encrypt and decrypt. */
  readonly threads: number
  readonly runtime: Runtime
  readonly host: Host
  /** Ends the gateway when aborted. */
  readonly signal: AbortSignal
  /** Told once the gateway is up. */
  readonly ready: (shown: Presentation) => void
}

/**
 * Runs a gateway from its state and flags until its signal. Nothing is written, and nothing on the machine changed,
 * before all has been checked; the state is written when the gateway is up; at the end the machine is as it was.
 */
export async function runGateway(run: GatewayRun): Promise<void> {
  const gateway = new GatewayProcess(run)
  try {
    await gateway.run()
  } catch (error) {
    await gateway.end().catch((err: unknown) => run.runtime.get(LOGGER).error({ err }, 'could not put everything back'))
    throw error
  }
  await gateway.end()
}

class GatewayProcess {
  readonly #run: GatewayRun
  readonly #logger: Logger
  readonly #journal: Journal
  readonly #teardown = new Teardown()

  constructor(run: GatewayRun) {
    this.#run = run
    this.#logger = run.runtime.get(LOGGER)
    this.#journal = new Journal(run.store.directory, run.host)
  }

  async run(): Promise<void> {
    const { store, flags, runtime, host, sample, threads, signal } = this.#run
    const stored = store.load()
    const wanted = plan(stored, flags, runtime.get(RANDOM))
    checkPrivileges(host)
    const isNew = !existsSync(store.directory)
    if (!isNew) await this.#claim()
    await checkPlan(wanted, host)
    const outer = outerInterface(wanted, host)
    const state: GatewayState = { ...wanted, endpoint: publicEndpoint(wanted, host) }
    if (isNew) {
      this.#teardown.add(store.create())
      await this.#claim()
    }
    const tuning = { sample, threads, disabled: flags.disable ?? new Disabled() }
    const composed = composeGateway(state, tuning, runtime)
    const running = await this.#bringUp(state, outer, composed)
    const kept = await this.#save(state, stored === undefined)
    const follower = new PeerFollower(store, composed.peers, state.peers, this.#logger)
    this.#teardown.add(() => follower.close())
    if (state.public === undefined && isPrivateEndpoint(state.endpoint)) {
      this.#logger.warn(
        {},
        `clients are told ${state.endpoint}, a private address: if they come from outside, use --public`,
      )
    }
    this.#run.ready({
      state: kept,
      lines: composed.gateway.describe(),
      outer,
      egressIp: egressAddress(state, outer, host),
      firstPeer: stored === undefined ? kept.peers[0] : undefined,
      directory: store.directory,
    })
    await ended(running, signal)
  }

  /** Undoes all of it, the last first. */
  end(): Promise<void> {
    return this.#teardown.run()
  }

  /** Takes the state directory for this process, and cleans up after one that was killed. */
  async #claim(): Promise<void> {
    const { store } = this.#run
    const lock = store.tryLock('gateway.lock')
    if (!(lock instanceof LockFile)) {
      throw new EnvironmentError(`a gateway runs with ${store.directory} already (process ${lock})`)
    }
    this.#teardown.add(() => lock.release())
    await this.#journal.recover(this.#logger)
  }

  /** The rules stand before the first packet can pass, and until the last has. */
  async #bringUp(state: GatewayState, outer: string, { gateway }: ComposedGateway): Promise<RunningStack> {
    const { egress, interface: tunnel, subnet } = state
    this.#teardown.add(() => this.#journal.undoAll())
    if (egress.mode === 'kernel') await this.#journal.make({ kind: 'masquerade', tunnel, subnet })
    const mark = this.#journal.mark
    const running = await gateway.start()
    running.events.subscribe((event) => logEvent(this.#logger, event))
    this.#teardown.add(() => running.stop())
    this.#teardown.add(() => this.#journal.undoAll(mark))
    const changes: Change[] = [tunnel, outer].map((name) => ({ kind: 'forwarding', interface: name }))
    if (egress.mode === 'tun') changes.push({ kind: 'proxy-neighbour', interface: outer, address: egress.address })
    for (const change of changes) await this.#journal.make(change)
    return running
  }

  /** Peers may have been added while the gateway came up: those stay. */
  async #save(state: GatewayState, isFirst: boolean): Promise<GatewayState> {
    const { store } = this.#run
    if (!isFirst) return await store.update(({ peers }) => ({ ...state, peers }))
    if (existsSync(store.file)) throw new EnvironmentError(`${store.file} was made by another process: try again`)
    store.save(state)
    return state
  }
}

async function ended(running: RunningStack, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  await Promise.race([aborted, running.stopped])
}
