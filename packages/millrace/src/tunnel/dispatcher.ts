import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Agent, buildConnector } from 'undici'
import type { TunnelConnect } from './agents.ts'

/** Options of an undici Agent; those of `connect` are for TLS. */
export type TunnelDispatcherOptions = Omit<Agent.Options, 'connect' | 'factory'> & {
  readonly connect?: ConnectionOptions & {
    /** For a connection to stand, milliseconds, 0 for ever. Default 10,000. */
    readonly timeout?: number
    readonly allowH2?: boolean
    readonly maxCachedSessions?: number
  }
}

/** What this Node's own `fetch` takes: its types are those of another version of undici. */
type GlobalDispatcher = RequestInit extends { dispatcher?: infer D } ? NonNullable<D> : unknown

/** An undici Agent that Node's own `fetch` takes as well. */
export type TunnelDispatcher = Agent & GlobalDispatcher

/** An undici Agent whose connections go through a tunnel. */
export function makeDispatcher(connect: TunnelConnect, options: TunnelDispatcherOptions): TunnelDispatcher {
  // Takes long to load, and not everybody who has a tunnel wants it.
  const undici = createRequire(import.meta.url)('undici') as typeof import('undici')
  const { connect: connectOptions = {}, ...rest } = options
  const { timeout = CONNECT_TIMEOUT } = connectOptions
  const secure = undici.buildConnector({ ...connectOptions, timeout })
  const agent = new undici.Agent({
    ...rest,
    connect: (target, callback) => {
      const { hostname, protocol, port } = target
      const isSecure = protocol === 'https:'
      const socket = connect({ host: hostname, port: port || (isSecure ? 443 : 80) })
      // Of what undici uses of a net.Socket it has everything.
      const duplex = socket as unknown as Socket
      if (isSecure) secure({ ...target, httpSocket: duplex }, callback)
      else {
        const late = (): Error => new undici.errors.ConnectTimeoutError(`no connection to ${hostname} in ${timeout} ms`)
        plain(duplex, timeout, late, callback)
      }
    },
  })
  return agent as TunnelDispatcher
}

/** Milliseconds, as undici has it. */
const CONNECT_TIMEOUT = 10_000

function plain(socket: Socket, timeout: number, late: () => Error, callback: buildConnector.Callback): void {
  const timer = timeout === 0 ? undefined : setTimeout(() => socket.destroy(late()), timeout)
  const failed = (error: Error): void => {
    clearTimeout(timer)
    callback(error, null)
  }
  socket.once('error', failed)
  socket.once('connect', () => {
    clearTimeout(timer)
    socket.off('error', failed)
    callback(null, socket)
  })
}
