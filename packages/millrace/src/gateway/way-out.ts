import type { Gateway, RunningStack } from '@millrace/core'
import type { GatewayState } from '../state/state.ts'
import type { Plan } from './plan.ts'
import type { Teardown } from './teardown.ts'

/** What a way out finds on the machine, for a plan that can run there. */
export interface Surroundings {
  /** HOST:PORT where clients find the gateway. */
  readonly endpoint: string
  /** Interface to the outside; undefined where none is touched. */
  readonly outer: string | undefined
  /** The addresses that the world sees, as far as they are known. */
  readonly egressIps: readonly string[]
}

/** What a mode of egress asks of the machine, and does to it, in one run of a gateway. */
export interface WayOut {
  /** Cleans up after a gateway that was killed. The state directory is this process's own. */
  recover(): Promise<void>
  /** Throws in one sentence what keeps this plan from running here. Changes nothing. */
  check(plan: Plan): Promise<Surroundings>
  /** Starts the stack and all that belongs to it; `teardown` undoes it. */
  bringUp(state: GatewayState, found: Surroundings, gateway: Gateway, teardown: Teardown): Promise<RunningStack>
}
