import type { LookupAddress } from 'node:dns'
import { isIP, isIPv4 } from 'node:net'
import {
  type Clock,
  formatAddress,
  type Logger,
  parseAddress,
  SocketAddress,
  silentLogger,
  systemClock,
  TokenBucket,
} from '@millrace/core'
import type { HostPort } from './config.ts'

/** Gives all addresses of a name, the preferred one first. Rejects if there are none. */
export type Lookup = (host: string) => Promise<readonly { readonly address: string }[]>

export interface EndpointResolverOptions {
  /** Default: the system's resolver, hosts file and all, in the order that it gives. */
  readonly lookup?: Lookup
  readonly clock?: Clock
  readonly logger?: Logger
  /** A name is looked up no sooner than this after the last time, milliseconds. Default 10,000. */
  readonly minimumInterval?: number
  /** Who waits for a look-up waits no longer than this, milliseconds. Default 15,000. */
  readonly timeout?: number
  /** Names known at one time. For more, those asked for longest ago are forgotten. Default 1024. */
  readonly maximumNames?: number
  /** Look-ups underway at one time; the system has few threads for them. Default 4. */
  readonly maximumLookups?: number
}

interface Name {
  readonly host: string
  /** As of the last look-up that succeeded. */
  addresses: readonly string[]
  lookedUpAt: number
  /** Set while a look-up is underway or waits for its turn. */
  pending: Promise<void> | undefined
}

/** Look-ups that begin in a second, in the long run. */
const PER_SECOND = 20

/**
 * Finds the address of an endpoint that has a name, and finds it anew when the old one does not answer. Neither blocks:
 * the packet path asks and goes on, and the answer comes when it comes. Asking too often, or for too much, gives what
 * is known already.
 */
export class EndpointResolver {
  readonly #lookup: Lookup
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #minimumInterval: number
  readonly #timeout: number
  readonly #maximumNames: number
  readonly #maximumLookups: number
  readonly #rate: TokenBucket
  /** In the order they were asked for last. */
  readonly #names = new Map<string, Name>()
  readonly #waiting: (() => void)[] = []
  #underway = 0

  constructor(options: EndpointResolverOptions = {}) {
    this.#lookup = options.lookup ?? systemLookup
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silentLogger
    this.#minimumInterval = options.minimumInterval ?? 10_000
    this.#timeout = options.timeout ?? 15_000
    this.#maximumNames = options.maximumNames ?? 1024
    this.#maximumLookups = options.maximumLookups ?? 4
    this.#rate = new TokenBucket({ perSecond: PER_SECOND, burst: this.#maximumNames })
  }

  /**
   * Resolves to the address of `endpoint`, or to undefined if none is known; never rejects. An address needs no look-up.
   * `failed` is the one that does not answer: where the name has several, the next of them is given.
   */
  async resolve(endpoint: HostPort, failed?: SocketAddress): Promise<SocketAddress | undefined> {
    const { host, port } = endpoint
    const literal = canonical(host)
    if (literal !== undefined) return socketAddress(literal, port)
    const name = this.#nameOf(host.toLowerCase())
    if (name === undefined) return undefined
    this.#refresh(name)
    if (name.pending !== undefined) await this.#patiently(name.pending)
    const { addresses } = name
    const address = addresses[(addresses.indexOf(failed?.address ?? '') + 1) % addresses.length]
    return address === undefined ? undefined : socketAddress(address, port)
  }

  /** Makes room for a name by forgetting another; undefined if all are being looked up. */
  #nameOf(host: string): Name | undefined {
    let name = this.#names.get(host)
    if (name === undefined) {
      if (this.#names.size >= this.#maximumNames && !this.#forgetOldest()) return undefined
      name = { host, addresses: [], lookedUpAt: Number.NEGATIVE_INFINITY, pending: undefined }
    }
    this.#names.delete(host)
    this.#names.set(host, name)
    return name
  }

  #forgetOldest(): boolean {
    for (const [host, { pending }] of this.#names) if (pending === undefined) return this.#names.delete(host)
    return false
  }

  #refresh(name: Name): void {
    const now = this.#clock.now()
    if (name.pending !== undefined || now - name.lookedUpAt < this.#minimumInterval || !this.#rate.take(now)) return
    name.pending = this.#lookUp(name).finally(() => {
      name.lookedUpAt = this.#clock.now()
      name.pending = undefined
    })
  }

  async #lookUp(name: Name): Promise<void> {
    if (this.#underway >= this.#maximumLookups) await new Promise<void>((go) => this.#waiting.push(go))
    else this.#underway++
    try {
      const found = await this.#lookup(name.host)
      const addresses = found.flatMap(({ address }) => canonical(address) ?? [])
      if (addresses.length > 0) name.addresses = addresses
    } catch (error) {
      this.#logger.warn({ err: error, host: name.host }, 'endpoint not resolved')
    } finally {
      // The place goes to the next in line, or is free.
      const next = this.#waiting.shift()
      if (next === undefined) this.#underway--
      else next()
    }
  }

  /** Waits for the end of a look-up, but not for ever. A look-up that does not end keeps its place. */
  #patiently(pending: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(this.#timeout, resolve)
      void pending.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }
}

function socketAddress(address: string, port: number): SocketAddress {
  return new SocketAddress(isIPv4(address) ? 4 : 6, address, port)
}

/** The one form by which addresses are compared, zone kept; undefined if it is none. */
function canonical(address: string): string | undefined {
  if (isIP(address) === 0) return undefined
  const [bare = '', zone] = address.split('%', 2)
  const { bytes, family } = parseAddress(bare)
  return formatAddress(bytes, 0, family) + (zone === undefined ? '' : `%${zone}`)
}

/** Node's resolver is loaded with the first name: most configurations have none. */
async function systemLookup(host: string): Promise<LookupAddress[]> {
  const { lookup } = await import('node:dns/promises')
  return await lookup(host, { all: true, verbatim: true })
}
