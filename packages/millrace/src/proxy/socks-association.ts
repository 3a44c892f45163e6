import { isIP } from 'node:net'
import type { HostPort } from '@millrace/layer-wireguard'
import type { Connection, DatagramPort } from './network.ts'
import { plainAddress } from './socks-address.ts'
import { readSocksDatagram, socksDatagram } from './socks-datagram.ts'
import type { ProxySurroundings } from './socks-server.ts'

/** Datagrams that may wait for the address of a name. */
const MOST_LOOKUPS = 64

/**
 * UDP for one client (RFC 1928 §7), as long as the connection lasts that asked for it. It takes datagrams from that
 * client's address only, and from one port: the one announced, or the first that is used. What comes back comes from
 * whomever; the mapping is independent of the endpoint (RFC 4787 §4.1).
 */
export class SocksAssociation {
  readonly #client: string
  readonly #surroundings: ProxySurroundings
  #clientPort: number
  #outer: DatagramPort | undefined
  #inner: DatagramPort | undefined
  #lookups = 0

  private constructor(client: string, clientPort: number, surroundings: ProxySurroundings) {
    this.#client = client
    this.#clientPort = clientPort
    this.#surroundings = surroundings
  }

  /** `clientPort` is 0 if the client did not say from where it will send. */
  static async open(
    connection: Connection,
    clientPort: number,
    surroundings: ProxySurroundings,
  ): Promise<SocksAssociation> {
    const { localAddress = '', remoteAddress = '' } = connection
    const association = new SocksAssociation(plainAddress(remoteAddress), clientPort, surroundings)
    let isOver = connection.destroyed
    connection.once('close', () => {
      isOver = true
      void association.#close()
    })
    try {
      await association.#open(plainAddress(localAddress))
    } finally {
      if (isOver) await association.#close()
    }
    return association
  }

  /** Where the client is to send to. */
  get local(): HostPort | undefined {
    return this.#outer?.local
  }

  async #open(localAddress: string): Promise<void> {
    const { outside, inside } = this.#surroundings
    this.#inner = await inside.bind({ host: '::', port: 0 }, (bytes, from) => this.#receive(bytes, from))
    this.#outer = await outside.bind({ host: localAddress, port: 0 }, (bytes, from) => this.#send(bytes, from))
  }

  async #close(): Promise<void> {
    const [outer, inner] = [this.#outer, this.#inner]
    this.#outer = undefined
    this.#inner = undefined
    await Promise.all([outer?.close(), inner?.close()])
  }

  #send(datagram: Uint8Array, { host, port }: HostPort): void {
    if (plainAddress(host) !== this.#client || (this.#clientPort !== 0 && port !== this.#clientPort)) return
    const read = readSocksDatagram(datagram)
    if (read === undefined) return
    this.#clientPort = port
    const { to, bytes } = read
    if (isIP(to.host) !== 0) this.#inner?.send(bytes, to)
    else if (this.#lookups < MOST_LOOKUPS) void this.#sendToName(bytes, to)
  }

  async #sendToName(bytes: Uint8Array, { host, port }: HostPort): Promise<void> {
    this.#lookups++
    try {
      const [address] = await this.#surroundings.inside.lookup(host)
      this.#inner?.send(bytes, { host: address, port })
    } catch {
      // As of any datagram that does not arrive, nobody is told.
    } finally {
      this.#lookups--
    }
  }

  #receive(bytes: Uint8Array, { host, port }: HostPort): void {
    if (this.#clientPort === 0) return
    const to = { host: this.#client, port: this.#clientPort }
    this.#outer?.send(socksDatagram(bytes, { host: plainAddress(host), port }), to)
  }
}
