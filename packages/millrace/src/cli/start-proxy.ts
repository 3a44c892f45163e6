import { readFile } from 'node:fs/promises'
import { CLOCK, ConfigurationError, LOGGER } from '@millrace/core'
import { parseConfig } from '@millrace/layer-wireguard'
import { containerRuntime } from '../composition.ts'
import { container } from '../container.ts'
import { localNetwork } from '../proxy/local-network.ts'
import { openProxy } from '../proxy/open-proxy.ts'
import { checkProxyFlags } from '../proxy/plan.ts'
import { describeProxy, presentProxy } from '../proxy/present.ts'
import { tunnelNetwork } from '../proxy/tunnel-network.ts'
import { Users } from '../proxy/users.ts'
import { connect } from '../tunnel/connect.ts'
import type { ProxyCommandOptions } from './commands/proxy.ts'
import { endSignal } from './end-signal.ts'
import { cliLogger } from './logger.ts'
import { print, printJson } from './output.ts'

/** Opens the tunnel of a configuration and what the command line asks for, until a signal ends it. */
export async function startProxy(file: string, { json, ...flags }: ProxyCommandOptions): Promise<void> {
  checkProxyFlags(flags)
  const users = flags.auth === undefined ? undefined : Users.parse(await textOf(flags.auth, '--auth'), '--auth')
  const configuration = parseConfig(await textOf(file, 'the configuration'), file)
  const signal = endSignal()
  container.register(LOGGER.key, { useValue: cliLogger({ json: json === true }) })
  const runtime = containerRuntime()
  const tunnel = await connect(configuration, { runtime, signal }).catch((error) => {
    // It was told to end before it was up.
    if (signal.aborted) return undefined
    throw error
  })
  if (tunnel === undefined) return
  try {
    const networks = { outside: localNetwork, inside: tunnelNetwork(tunnel) }
    const proxy = await openProxy({ flags, users, ...networks, clock: runtime.get(CLOCK) })
    try {
      const shown = { opened: proxy.opened, addresses: tunnel.addresses, dns: configuration.interface.dns }
      if (json) printJson(describeProxy(shown))
      else print(presentProxy(shown))
      await tunnel.stack.stopped
    } finally {
      await proxy.close()
    }
  } finally {
    await tunnel.close()
  }
}

async function textOf(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    throw new ConfigurationError(`${what}: cannot read ${file} (${code})`, { cause })
  }
}
