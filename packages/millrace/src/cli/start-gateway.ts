import { LOGGER } from '@millrace/core'
import { containerRuntime } from '../composition.ts'
import { container } from '../container.ts'
import { linuxHost } from '../gateway/linux-host.ts'
import { describeGateway, presentGateway } from '../gateway/present.ts'
import { runGateway } from '../gateway/run.ts'
import { StateStore } from '../state/store.ts'
import type { GatewayOptions } from './commands/gateway.ts'
import { endSignal } from './end-signal.ts'
import { cliLogger } from './logger.ts'
import { print, printJson } from './output.ts'

/** Runs a gateway as the command line says, until a signal ends it. */
export async function startGateway({ state, json, log, threads, ...flags }: GatewayOptions): Promise<void> {
  const signal = endSignal()
  container.register(LOGGER.key, { useValue: cliLogger({ json: json === true }) })
  for (const [token, value] of flags.disable?.bindings ?? []) container.register(token.key, { useValue: value })
  await runGateway({
    store: new StateStore(state),
    flags,
    sample: log,
    threads: threads ?? 1,
    runtime: containerRuntime(),
    host: linuxHost,
    signal,
    ready: (shown) => (json ? printJson(describeGateway(shown)) : print(presentGateway(shown))),
  })
}
