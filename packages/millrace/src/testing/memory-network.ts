import { duplexPair } from 'node:stream'
import type { HostPort } from '@millrace/layer-wireguard'
import type { Connection, DatagramPort, Listener, Network, Receive } from '../proxy/network.ts'

/** Where connections of a {@link MemoryNetwork} come from. */
export const CLIENT: HostPort = { host: '127.0.0.9', port: 4000 }

/** A network in memory, whose names and failures are what a test says. */
export class MemoryNetwork implements Network {
  readonly names: Map<string, string> = new Map()
  /** Codes with which hosts cannot be reached; `silent` for one that never answers. */
  readonly failures: Map<string, string> = new Map()
  /** The other ends of connections that have been opened, in order, those that are gone too. */
  readonly opened: Connection[] = []
  readonly dialled: HostPort[] = []
  readonly #servers = new Map<number, (connection: Connection) => void>()
  readonly #ports = new Map<number, { readonly local: HostPort; readonly receive: Receive }>()
  #nextPort = 20_000

  /** Listeners and UDP ports that are open. */
  get size(): number {
    return this.#servers.size + this.#ports.size
  }

  async connect(to: HostPort, signal: AbortSignal): Promise<Connection> {
    this.dialled.push(to)
    const failure = this.failures.get(to.host)
    if (failure === 'silent') {
      return await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    await this.lookup(to.host)
    const server = this.#servers.get(to.port)
    if (failure !== undefined || server === undefined) throw systemError(failure ?? 'ECONNREFUSED')
    const [ours, theirs] = connectionPair()
    this.opened.push(theirs)
    server(theirs)
    return ours
  }

  async lookup(host: string): Promise<readonly [string]> {
    if (/^[\d.]+$|:/.test(host)) return [host]
    const address = this.names.get(host)
    if (address === undefined) throw systemError('ENOTFOUND')
    return [address]
  }

  async listen({ host, port }: HostPort, accept: (connection: Connection) => void): Promise<Listener> {
    if (this.#servers.has(port)) throw systemError('EADDRINUSE')
    const free = port === 0 ? this.#nextPort++ : port
    this.#servers.set(free, accept)
    return { local: { host, port: free }, close: async () => void this.#servers.delete(free) }
  }

  async bind({ host, port }: HostPort, receive: Receive): Promise<DatagramPort> {
    if (this.#ports.has(port)) throw systemError('EADDRINUSE')
    const local = { host, port: port === 0 ? this.#nextPort++ : port }
    this.#ports.set(local.port, { local, receive })
    const isAny = host === '::' || host === '0.0.0.0'
    const from = { host: isAny ? '10.0.0.2' : host, port: local.port }
    return {
      local,
      send: (bytes, to) => queueMicrotask(() => this.#ports.get(to.port)?.receive(bytes, from)),
      close: async () => void this.#ports.delete(local.port),
    }
  }
}

/** Two ends of a connection in memory; the second has {@link CLIENT} as its remote end. When one is gone, so is the other. */
export function connectionPair(): [Connection, Connection] {
  const [one, other] = duplexPair()
  for (const [end, far] of [[one, other] as const, [other, one] as const]) {
    end.on('error', () => {})
    end.once('close', () => {
      if (!end.readableEnded || !end.writableFinished) setImmediate(() => far.destroy())
    })
  }
  Object.assign(one, { localAddress: CLIENT.host, localPort: CLIENT.port, remoteAddress: '127.0.0.1' })
  Object.assign(other, {
    localAddress: '127.0.0.1',
    localPort: 1080,
    remoteAddress: CLIENT.host,
    remotePort: CLIENT.port,
  })
  return [one, other]
}

/** All that comes, as it comes. */
export function collect(connection: Connection): { readonly bytes: Buffer; readonly text: string; ended: boolean } {
  const chunks: Buffer[] = []
  const collected = {
    get bytes() {
      return Buffer.concat(chunks)
    },
    get text() {
      return Buffer.concat(chunks).toString('latin1')
    },
    ended: false,
  }
  connection.on('data', (chunk: Buffer) => chunks.push(chunk))
  connection.once('end', () => {
    collected.ended = true
  })
  return collected
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
