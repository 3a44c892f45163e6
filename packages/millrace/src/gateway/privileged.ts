import type { Gateway, Logger, RunningStack } from '@millrace/core'
import type { GatewayState } from '../state/state.ts'
import type { Change } from './changes.ts'
import { checkPlan, checkPrivileges } from './check.ts'
import type { Host } from './host.ts'
import { Journal } from './journal.ts'
import { egressAddress, outerInterface, publicEndpoint } from './outside.ts'
import type { Plan } from './plan.ts'
import type { Teardown } from './teardown.ts'
import type { Surroundings, WayOut } from './way-out.ts'

/** Out by a TUN interface, and by what of the host's own is switched on for it: forwarding, masquerade, proxy neighbour. */
export class PrivilegedWayOut implements WayOut {
  readonly #host: Host
  readonly #logger: Logger
  readonly #journal: Journal

  /** Throws an EnvironmentError without the privileges. `directory`: of the state. */
  constructor(host: Host, directory: string, logger: Logger) {
    checkPrivileges(host)
    this.#host = host
    this.#logger = logger
    this.#journal = new Journal(directory, host)
  }

  recover(): Promise<void> {
    return this.#journal.recover(this.#logger)
  }

  async check(plan: Plan): Promise<Surroundings> {
    const host = this.#host
    await checkPlan(plan, host)
    const outer = outerInterface(plan, host)
    const egressIp = egressAddress(plan, outer, host)
    return { endpoint: publicEndpoint(plan, host), outer, egressIps: egressIp === undefined ? [] : [egressIp] }
  }

  /** The rules stand before the first packet can pass, and until the last has. */
  async bringUp(
    { egress, interface: tunnel, subnet }: GatewayState,
    { outer = '' }: Surroundings,
    gateway: Gateway,
    teardown: Teardown,
  ): Promise<RunningStack> {
    teardown.add(() => this.#journal.undoAll())
    if (egress.mode === 'kernel') await this.#journal.make({ kind: 'masquerade', tunnel, subnet })
    const mark = this.#journal.mark
    const running = await gateway.start()
    teardown.add(() => running.stop())
    teardown.add(() => this.#journal.undoAll(mark))
    const changes: Change[] = [tunnel, outer].map((name) => ({ kind: 'forwarding', interface: name }))
    if (egress.mode === 'tun') changes.push({ kind: 'proxy-neighbour', interface: outer, address: egress.address })
    for (const change of changes) await this.#journal.make(change)
    return running
  }
}
