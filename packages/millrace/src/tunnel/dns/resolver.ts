import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { type Clock, ConfigurationError, type Random } from '@millrace/core'
import type { NetstackEndpoint } from '@millrace/layer-netstack'
import { DnsCache } from './cache.ts'
import { exchange } from './exchange.ts'
import { gather } from './gather.ts'
import { candidatesOf, hostNameOf, isLocalhost } from './host-name.ts'
import { lookupError } from './lookup-error.ts'
import type { RecordType } from './message.ts'

export interface ResolverOptions {
  readonly host: NetstackEndpoint
  /** Addresses, asked in this order. */
  readonly servers: readonly string[]
  /** Domains for names without a dot. */
  readonly search: readonly string[]
  readonly clock: Clock
  readonly random: Random
  /** For one server to answer, milliseconds. Default 2,000. */
  readonly timeout?: number
}

/** Times that each server is asked. */
const ROUNDS = 2
/** Milliseconds that one family waits for the other (RFC 8305 §8). */
const RESOLUTION_DELAY = 50
/** Names held, and questions under way. */
const MOST_ENTRIES = 1024
const MOST_QUESTIONS = 1024

/**
 * Looks names up through the tunnel, at the name servers of its configuration and nowhere else: never by the system's
 * resolver, which would ask outside.
 */
export class Resolver {
  readonly #options: ResolverOptions
  readonly #types: readonly RecordType[]
  readonly #cache = new DnsCache(MOST_ENTRIES)
  readonly #underWay = new Map<string, Promise<readonly string[]>>()

  constructor(options: ResolverOptions) {
    this.#options = options
    const { addresses } = options.host
    const types: RecordType[] = []
    if (addresses.some((address) => address.includes(':'))) types.push('AAAA')
    if (addresses.some((address) => !address.includes(':'))) types.push('A')
    this.#types = types
  }

  /**
   * The addresses of a name, of families that the tunnel has, IPv6 first; an address stands for itself. Rejects with the
   * code `ENOTFOUND` if it has none, `EAI_AGAIN` if no server answers, with a ConfigurationError if there is no server.
   */
  async resolve(host: string, family = 0): Promise<readonly LookupAddress[]> {
    const literal = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
    const known = isIP(literal)
    if (known !== 0) {
      if (family !== 0 && family !== known) throw lookupError('ENOTFOUND', host)
      return [{ address: literal, family: known }]
    }
    const name = hostNameOf(host)
    if (name === undefined || isLocalhost(name)) throw lookupError('ENOTFOUND', host)
    if (this.#options.servers.length === 0) {
      throw new ConfigurationError(
        `tunnel: cannot look up ${host}: the configuration names no DNS server, and none outside of the tunnel is asked`,
      )
    }
    const types = this.#types.filter((type) => family === 0 || family === familyOf(type))
    for (const candidate of candidatesOf(name, host.endsWith('.'), this.#options.search)) {
      const found = await this.#addressesOf(candidate, types)
      if (found.length > 0) return found
    }
    throw lookupError('ENOTFOUND', host)
  }

  #addressesOf(name: string, types: readonly RecordType[]): Promise<readonly LookupAddress[]> {
    const questions = types.map(async (type) => {
      const addresses = await this.#ask(name, type)
      return addresses.map((address) => ({ address, family: familyOf(type) }))
    })
    return gather(questions, this.#options.clock, RESOLUTION_DELAY)
  }

  #ask(name: string, type: RecordType): Promise<readonly string[]> {
    const key = `${type} ${name}`
    const cached = this.#cache.get(key, this.#options.clock.now())
    if (cached !== undefined) return Promise.resolve(cached)
    const already = this.#underWay.get(key)
    if (already !== undefined) return already
    if (this.#underWay.size >= MOST_QUESTIONS) return Promise.reject(lookupError('EAI_AGAIN', name))
    const asked = this.#askServers(key, name, type).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, asked)
    return asked
  }

  async #askServers(key: string, name: string, type: RecordType): Promise<readonly string[]> {
    const { host, servers, clock, random, timeout = 2000 } = this.#options
    let cause: unknown
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers) {
        const id = random.uint32() & 0xffff
        try {
          const reply = await exchange(server, id, { name, type }, { host, clock, timeout })
          if (reply.kind === 'none') return []
          if (reply.kind === 'addresses') {
            this.#cache.set(key, reply.addresses, reply.ttl, clock.now())
            return reply.addresses
          }
          cause = reply.kind === 'failed' ? new Error(`${server} says ${reply.rcode}`) : undefined
        } catch (error) {
          cause = error
        }
      }
    }
    throw lookupError('EAI_AGAIN', name, cause)
  }
}

function familyOf(type: RecordType): 4 | 6 {
  return type === 'A' ? 4 : 6
}
