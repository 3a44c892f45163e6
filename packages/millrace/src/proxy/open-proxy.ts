import { type Clock, ConfigurationError, EnvironmentError } from '@millrace/core'
import { formatHostPort, type HostPort } from '@millrace/layer-wireguard'
import { codeOf } from './dial.ts'
import { forwardTcp } from './forward-tcp.ts'
import { forwardUdp } from './forward-udp.ts'
import { openHttpProxy } from './http-proxy.ts'
import type { Listener, Network } from './network.ts'
import type { Forward, ProxyFlags } from './plan.ts'
import { openSocksServer } from './socks-server.ts'
import type { Users } from './users.ts'

export interface ProxyOptions {
  readonly flags: ProxyFlags
  readonly users: Users | undefined
  /** The network of this machine. */
  readonly outside: Network
  /** What the tunnel leads to. */
  readonly inside: Network
  readonly clock: Clock
}

/** Something that a proxy has opened. */
export interface Opened {
  readonly option: 'socks5' | 'http' | 'forward' | 'expose'
  readonly protocol: 'tcp' | 'udp'
  /** With the port that it has got. */
  readonly listen: HostPort
  readonly to?: HostPort
}

export interface RunningProxy {
  readonly opened: readonly Opened[]
  /** Ends all connections, and waits until everything is closed. */
  close(): Promise<void>
}

/** A thing to open, and what to say of it. */
interface Opening extends Opened {
  readonly open: () => Promise<Listener>
}

/** Opens all that is asked for, or nothing: throws a ConfigurationError or an EnvironmentError that names the option. */
export async function openProxy(options: ProxyOptions): Promise<RunningProxy> {
  const listeners: Listener[] = []
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()))
  }
  const opened: Opened[] = []
  try {
    for (const { open, ...described } of openingsOf(options)) {
      const listener = await open().catch((error) => {
        throw explained(error, described)
      })
      listeners.push(listener)
      opened.push({ ...described, listen: listener.local })
    }
  } catch (error) {
    await close()
    throw error
  }
  return { opened, close }
}

function openingsOf({ flags, users, outside, inside, clock }: ProxyOptions): readonly Opening[] {
  const { socks5, http, forward = [], expose = [] } = flags
  const openings: Opening[] = []
  const surroundings = { outside, inside, clock }
  if (socks5 !== undefined) {
    const open = (): Promise<Listener> => openSocksServer({ listen: socks5, users }, surroundings)
    openings.push({ option: 'socks5', protocol: 'tcp', listen: socks5, open })
  }
  if (http !== undefined) {
    const open = (): Promise<Listener> => openHttpProxy({ listen: http, users }, surroundings)
    openings.push({ option: 'http', protocol: 'tcp', listen: http, open })
  }
  const add = (option: 'forward' | 'expose', rule: Forward, from: Network, into: Network): void => {
    const forwardOf = rule.protocol === 'tcp' ? forwardTcp : forwardUdp
    openings.push({ option, ...rule, open: () => forwardOf({ ...rule, from, into, clock }) })
  }
  for (const rule of forward) add('forward', rule, outside, inside)
  for (const rule of expose) add('expose', rule, inside, outside)
  return openings
}

function explained(error: unknown, { option, listen }: Opened): unknown {
  const where = `--${option}: ${formatHostPort(listen)}`
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new EnvironmentError(`${where} is in use already; choose another port`)
    case 'EADDRNOTAVAIL':
      return new ConfigurationError(`${where} is not an address of this ${option === 'expose' ? 'tunnel' : 'machine'}`)
    case 'EACCES':
      return new EnvironmentError(`${where} needs privileges; choose a port from 1024 on`)
    default:
      return error
  }
}
