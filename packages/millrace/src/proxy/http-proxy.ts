import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HostPort } from '@millrace/layer-wireguard'
import { Connections } from './connections.ts'
import { dialFor } from './dial.ts'
import { failureBytes, failureMessage, failureOf, type HttpFailure, PASSWORD_REQUIRED } from './http-failure.ts'
import { passOn } from './http-request.ts'
import { readAbsoluteForm, readAuthority } from './http-target.ts'
import type { Connection, Listener } from './network.ts'
import { relay } from './relay.ts'
import type { ProxySurroundings } from './socks-server.ts'
import type { Users } from './users.ts'

export interface HttpProxyOptions {
  readonly listen: HostPort
  /** Whoever may use it. Default: everybody. */
  readonly users?: Users | undefined
}

const MOST_CONNECTIONS = 1024
/** For a client to send the head of a request, and to stay without one, milliseconds. */
const HEAD_TIMEOUT = 10_000
const IDLE_TIMEOUT = 60_000

/**
 * Opens an HTTP proxy (RFC 9110 §7.6, §9.3.6): CONNECT to any port, and requests in absolute form, each on a connection
 * of its own. `node:http` reads and writes all messages, so where one ends is for it alone to say.
 */
export async function openHttpProxy(
  { listen, users }: HttpProxyOptions,
  surroundings: Omit<ProxySurroundings, 'outside'>,
): Promise<Listener> {
  const proxy = new HttpProxy(users, surroundings)
  await proxy.listen(listen)
  return proxy
}

class HttpProxy implements Listener {
  readonly #users: Users | undefined
  readonly #surroundings: Omit<ProxySurroundings, 'outside'>
  readonly #connections = new Connections(MOST_CONNECTIONS)
  readonly #server: Server

  constructor(users: Users | undefined, surroundings: Omit<ProxySurroundings, 'outside'>) {
    this.#users = users
    this.#surroundings = surroundings
    const options = {
      headersTimeout: HEAD_TIMEOUT,
      keepAliveTimeout: IDLE_TIMEOUT,
      // An upload may take as long as it does.
      requestTimeout: 0,
      connectionsCheckingInterval: HEAD_TIMEOUT / 2,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: IDLE_TIMEOUT,
    }
    this.#server = createServer(options, (request, response) => void this.#request(request, response))
      .on('connection', (connection: Connection) => void this.#connections.add(connection))
      .on('connect', (request, connection, head) => void this.#connect(request, connection, head))
  }

  get local(): HostPort {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  async listen({ host, port }: HostPort): Promise<void> {
    this.#server.listen({ host, port, ipv6Only: true })
    await once(this.#server, 'listening')
    // From here on it is about one connection that could not be accepted.
    this.#server.on('error', () => {})
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    this.#connections.closeAll()
    await closed
  }

  async #connect(request: IncomingMessage, connection: Connection, head: Buffer): Promise<void> {
    const refuse = (failure: HttpFailure): void => {
      connection.end(failureBytes(failure), () => connection.destroy())
    }
    const to = readAuthority(request.url ?? '')
    if (!this.#isAllowed(request)) return refuse(PASSWORD_REQUIRED)
    if (to === undefined) return refuse({ status: 400, text: 'CONNECT: expected HOST:PORT' })
    try {
      const other = await this.#dial(connection, to)
      connection.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      if (head.length > 0 && !connection.destroyed) connection.unshift(head)
      relay(connection, other)
    } catch (error) {
      refuse(failureOf(error, to))
    }
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (failure: HttpFailure): void => {
      const { fields, body } = failureMessage(failure)
      response.writeHead(failure.status, fields).end(body)
    }
    const target = readAbsoluteForm(request.method, request.url ?? '')
    if (!this.#isAllowed(request)) return refuse(PASSWORD_REQUIRED)
    if (target === undefined)
      return refuse({ status: 400, text: 'this is a proxy: expected http://HOST/... or CONNECT' })
    // It would show the fields of other programs' requests; and a coding other than chunked is not ours to undo.
    if (request.method === 'TRACE') return refuse({ status: 501, text: 'TRACE is not done' })
    const coding = request.headers['transfer-encoding']
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
      return refuse({ status: 501, text: `transfer coding ${coding} is not known` })
    }
    try {
      const other = await this.#dial(request.socket, target.to)
      try {
        passOn({ request, response, target, other, refuse })
      } catch (error) {
        other.destroy()
        throw error
      }
    } catch (error) {
      refuse(failureOf(error, target.to))
    }
  }

  #dial(client: Connection, to: HostPort): Promise<Connection> {
    const { inside: network, clock } = this.#surroundings
    return dialFor(client, to, { network, clock })
  }

  /** RFC 7617. */
  #isAllowed({ headers }: IncomingMessage): boolean {
    if (this.#users === undefined) return true
    const [, encoded] = /^basic +([a-z0-9+/=]+)$/i.exec(headers['proxy-authorization'] ?? '') ?? []
    if (encoded === undefined) return false
    const bytes = Buffer.from(encoded, 'base64')
    const colon = bytes.indexOf(':')
    return colon >= 0 && this.#users.accepts(bytes.subarray(0, colon), bytes.subarray(colon + 1))
  }
}
