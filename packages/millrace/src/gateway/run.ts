import { existsSync } from 'node:fs'
import { EnvironmentError, LOGGER, type Logger, RANDOM, type RunningStack, type Runtime } from '@millrace/core'
import { Disabled } from '../disabled.ts'
import { LockFile } from '../state/lock.ts'
import type { GatewayState } from '../state/state.ts'
import type { StateStore } from '../state/store.ts'
import { canBind } from './bound-address.ts'
import { composeGateway } from './compose.ts'
import { logEvent } from './events.ts'
import type { GatewayFlags } from './flags.ts'
import { PeerFollower } from './follow.ts'
import type { Host } from './host.ts'
import { isPrivateEndpoint } from './outside.ts'
import { addressesOf, plan } from './plan.ts'
import type { Presentation } from './present.ts'
import { PrivilegedWayOut } from './privileged.ts'
import { RootlessWayOut } from './rootless.ts'
import { Teardown } from './teardown.ts'
import type { WayOut } from './way-out.ts'

export interface GatewayRun {
  readonly store: StateStore
  readonly flags: GatewayFlags
  /** Logs one packet in so many; 0 none. */
  readonly sample: number
  /** Threads that encrypt and decrypt. */
  readonly threads: number
  readonly runtime: Runtime
  /** Asked for only where the machine is to be changed. */
  readonly host: () => Host
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
  readonly #teardown = new Teardown()

  constructor(run: GatewayRun) {
    this.#run = run
    this.#logger = run.runtime.get(LOGGER)
  }

  async run(): Promise<void> {
    const { store, flags, runtime, host, sample, threads, signal } = this.#run
    const stored = store.load()
    const wanted = plan(stored, flags, runtime.get(RANDOM), await heldOf(flags.egressIp ?? addressesOf(stored?.egress)))
    const isRootless = wanted.egress.mode === 'rootless'
    const wayOut = isRootless ? new RootlessWayOut() : new PrivilegedWayOut(host(), store.directory, this.#logger)
    const isNew = !existsSync(store.directory)
    if (!isNew) await this.#claim(wayOut)
    const found = await wayOut.check(wanted)
    const state: GatewayState = { ...wanted, endpoint: found.endpoint }
    if (isNew) {
      this.#teardown.add(store.create())
      await this.#claim(wayOut)
    }
    const tuning = { sample, threads, disabled: flags.disable ?? new Disabled() }
    const { gateway, clients } = composeGateway(state, found.egressIps, tuning, runtime)
    const running = await wayOut.bringUp(state, found, gateway, this.#teardown)
    running.events.subscribe((event) => logEvent(this.#logger, event))
    const kept = await this.#save(state, stored === undefined)
    const follower = new PeerFollower(store, clients, state.peers, this.#logger)
    this.#teardown.add(() => follower.close())
    if (state.public === undefined && isPrivateEndpoint(state.endpoint)) {
      this.#logger.warn(
        {},
        `clients are told ${state.endpoint}, a private address: if they come from outside, use --public`,
      )
    }
    this.#run.ready({
      state: kept,
      lines: gateway.describe(),
      outer: found.outer,
      egressIps: found.egressIps,
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
  async #claim(wayOut: WayOut): Promise<void> {
    const { store } = this.#run
    const lock = store.tryLock('gateway.lock')
    if (!(lock instanceof LockFile)) {
      throw new EnvironmentError(`a gateway runs with ${store.directory} already (process ${lock})`)
    }
    this.#teardown.add(() => lock.release())
    await wayOut.recover()
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

/** Of the addresses, those that sockets here can be bound to. */
async function heldOf(addresses: readonly string[]): Promise<ReadonlySet<string>> {
  const held = new Set<string>()
  for (const address of addresses) if (await canBind(address)) held.add(address)
  return held
}

async function ended(running: RunningStack, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  await Promise.race([aborted, running.stopped])
}
