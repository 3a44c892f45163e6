import type { Clock } from '@millrace/core'
import type { HostPort } from '@millrace/layer-wireguard'
import { Connections } from './connections.ts'
import { dialFor } from './dial.ts'
import type { Connection, Listener, Network } from './network.ts'
import { relay, reset } from './relay.ts'
import { plainAddress } from './socks-address.ts'
import { SocksAssociation } from './socks-association.ts'
import { SocksHandshake, type SocksRequest } from './socks-handshake.ts'
import { replyCodeOf, SOCKS_REPLY, socksReply } from './socks-reply.ts'
import type { Users } from './users.ts'

export interface ProxySurroundings {
  /** Where clients are. */
  readonly outside: Network
  /** Where what they ask for is. */
  readonly inside: Network
  readonly clock: Clock
}

export interface SocksOptions {
  readonly listen: HostPort
  /** Whoever may use it. Default: everybody. */
  readonly users?: Users | undefined
}

/** For the client to say what it wants, and to go when it has been told no, milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000
const MOST_CONNECTIONS = 1024
const MOST_ASSOCIATIONS = 256

/** Opens a SOCKS 5 server: CONNECT and UDP ASSOCIATE. */
export async function openSocksServer(options: SocksOptions, surroundings: ProxySurroundings): Promise<Listener> {
  const server = new SocksServer(options.users, surroundings)
  const listener = await surroundings.outside.listen(options.listen, (connection) => server.accept(connection))
  return {
    local: listener.local,
    close() {
      const closed = listener.close()
      server.close()
      return closed
    },
  }
}

/** What is done for the connections of one SOCKS server. */
export class SocksServer {
  readonly #users: Users | undefined
  readonly #surroundings: ProxySurroundings
  readonly #connections = new Connections(MOST_CONNECTIONS)
  #associations = 0

  constructor(users: Users | undefined, surroundings: ProxySurroundings) {
    this.#users = users
    this.#surroundings = surroundings
  }

  get connections(): number {
    return this.#connections.size
  }

  close(): void {
    this.#connections.closeAll()
  }

  accept(connection: Connection): void {
    if (!this.#connections.add(connection)) return
    const timer = this.#surroundings.clock.setTimer(HANDSHAKE_TIMEOUT, () => connection.destroy())
    const handshake = new SocksHandshake(this.#users)
    const finish = (): void => {
      timer.cancel()
      connection.off('data', take).off('end', gone).off('close', finish)
    }
    const gone = (): void => void connection.destroy()
    const take = (bytes: Uint8Array): void => {
      const { answer, outcome } = handshake.push(bytes)
      if (answer.length > 0) connection.write(answer)
      if (outcome === 'more') return
      finish()
      if (outcome === 'failed') {
        this.#dismiss(connection)
        return
      }
      connection.pause()
      void this.#serve(connection, outcome)
    }
    connection.on('data', take).once('end', gone).once('close', finish)
  }

  async #serve(connection: Connection, request: SocksRequest): Promise<void> {
    try {
      if (request.command === 'connect') await this.#connect(connection, request)
      else await this.#associate(connection, request)
    } catch (error) {
      connection.write(socksReply(replyCodeOf(error)))
      this.#dismiss(connection)
    }
  }

  async #connect(connection: Connection, { to, rest }: SocksRequest): Promise<void> {
    const { inside: network, clock } = this.#surroundings
    const other = await dialFor(connection, to, { network, clock })
    connection.write(socksReply(SOCKS_REPLY.succeeded, localEnd(other)))
    if (rest.length > 0 && !connection.destroyed) connection.unshift(rest)
    relay(connection, other)
  }

  async #associate(connection: Connection, { to }: SocksRequest): Promise<void> {
    if (this.#associations >= MOST_ASSOCIATIONS) throw new Error('too many associations')
    this.#associations++
    connection.once('close', () => this.#associations--)
    const association = await SocksAssociation.open(connection, to.port, this.#surroundings)
    connection.write(socksReply(SOCKS_REPLY.succeeded, association.local))
    // Nothing more is to come; its end is the end of the association (RFC 1928 §7).
    connection.once('end', () => connection.destroy())
    connection.resume()
  }

  /** Lets a client go: it has a while to read its answer. */
  #dismiss(connection: Connection): void {
    if (connection.destroyed) return
    const timer = this.#surroundings.clock.setTimer(HANDSHAKE_TIMEOUT, () => reset(connection))
    connection.once('close', () => timer.cancel())
    connection.end()
    connection.resume()
  }
}

function localEnd({ localAddress, localPort }: Connection): HostPort | undefined {
  if (localAddress === undefined || localPort === undefined) return undefined
  return { host: plainAddress(localAddress), port: localPort }
}
