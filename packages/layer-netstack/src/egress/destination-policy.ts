import { type Prefix, parsePrefix, prefixContains, TCP } from '@millrace/core'
import { type DestinationRule, parseDestinationRule, ruleMatches } from './destination-rules.ts'
import { embeddedIpv4, MAXIMUM_EMBEDDED } from './embedded-ipv4.ts'
import { hostAddresses } from './host-addresses.ts'
import { type Range, REFUSED_RANGES, type RefusedRange } from './refused-ranges.ts'

/** Why a destination is refused: what it is; or what a rule says; or mail; or no address at all. */
export type DestinationRefusal = RefusedRange | 'denied' | 'smtp' | 'malformed'

export interface DestinationPolicyOptions {
  /**
   * Exceptions from what is refused by itself: `10.0.0.0/8`, `192.0.2.1`, `10.1.2.3:5432`, `[fd00::1]:443`, `*:25`, with
   * `:8000-8099` for a range of ports. One opens a refused range only when it is as long as the prefix of that range, or
   * longer: `0.0.0.0/0` opens nothing, `169.254.0.0/16` not the metadata service in it, `10.0.0.0/8` no address of this
   * host. Port 25 is opened only by naming it.
   */
  readonly allow?: readonly string[]
  /** Refused whatever `allow` says, in the same form. */
  readonly deny?: readonly string[]
  /** Addresses of the gateway itself: in the tunnel, and those it goes out from. */
  readonly own?: readonly string[]
  /** All addresses, or prefixes, of this host. Asked about once a second, less often if it is slow. Default: from the operating system. */
  readonly hostAddresses?: () => Iterable<string>
}

const SMTP = 25
const REFRESH = 1000
/** Asking takes a hundredth of the time at most: with a million routes it is not done in a moment. */
const SHARE = 100
const LATEST_REFRESH = 60_000
const LOOPBACK: readonly Prefix[] = [parsePrefix('127.0.0.0/8'), parsePrefix('::1')]

/**
 * Where flows may go. Addresses are compared as bytes, never as text. An IPv6 address that carries an IPv4 one (mapped,
 * compatible, NAT64, 6to4, Teredo, ISATAP) passes only if both do, each by the rules of its own family; a mapped one
 * never does. Rules are gone through one by one: meant for hundreds of them, once for each new flow.
 */
export class DestinationPolicy {
  readonly #allow: readonly DestinationRule[]
  readonly #deny: readonly DestinationRule[]
  readonly #ranges: readonly Range[]
  readonly #hostAddresses: () => Iterable<string>
  readonly #embedded: Uint8Array = new Uint8Array(4 * MAXIMUM_EMBEDDED)
  #host: readonly Range[]
  #refreshAt = Number.NEGATIVE_INFINITY

  /** Throws a ConfigurationError for rules that cannot be, and what `hostAddresses` throws. */
  constructor({ allow = [], deny = [], own = [], hostAddresses: asked = hostAddresses }: DestinationPolicyOptions) {
    this.#allow = allow.flatMap((text) => parseDestinationRule(text, 'sockets allow'))
    this.#deny = deny.flatMap((text) => parseDestinationRule(text, 'sockets deny'))
    const mine: Range[] = own.map((text) => ({ prefix: parsePrefix(text, 'own'), refusal: 'gateway-address' }))
    this.#ranges = [...REFUSED_RANGES, ...mine]
    this.#hostAddresses = asked
    this.#host = rangesOf(asked())
  }

  /**
   * Why there may be no flow to this address (4 or 16 bytes) and port (0 where the protocol has none), or undefined.
   * `protocol` is the IANA number, `now` in milliseconds.
   */
  refusal(address: Uint8Array, port: number, protocol: number, now: number): DestinationRefusal | undefined {
    if (now >= this.#refreshAt) this.#refresh(now)
    if (address.length === 4) return this.#judge(address, 0, 4, port, protocol)
    if (address.length !== 16) return 'malformed'
    const count = embeddedIpv4(address, this.#embedded)
    for (let i = 0; i < count; i++) {
      const refusal = this.#judge(this.#embedded, i * 4, 4, port, protocol)
      if (refusal !== undefined) return refusal
    }
    return this.#judge(address, 0, 6, port, protocol)
  }

  #judge(
    bytes: Uint8Array,
    offset: number,
    family: 4 | 6,
    port: number,
    protocol: number,
  ): DestinationRefusal | undefined {
    for (const rule of this.#deny) {
      if (rule.prefix.family === family && ruleMatches(rule, bytes, offset, port)) return 'denied'
    }
    let allowed = -1
    let isPortAllowed = protocol !== TCP || port !== SMTP
    for (const rule of this.#allow) {
      if (rule.prefix.family !== family || !ruleMatches(rule, bytes, offset, port)) continue
      if (rule.prefix.length > allowed) allowed = rule.prefix.length
      if (rule.namesPorts) isPortAllowed = true
    }
    const range = longest(this.#host, bytes, offset, family, longest(this.#ranges, bytes, offset, family, undefined))
    if (range?.refusal !== undefined && allowed < range.prefix.length) return range.refusal
    return isPortAllowed ? undefined : 'smtp'
  }

  /** Should the system fail to tell, what it told before still holds. */
  #refresh(now: number): void {
    const begun = performance.now()
    try {
      this.#host = rangesOf(this.#hostAddresses())
    } catch {}
    const pause = (performance.now() - begun) * SHARE
    this.#refreshAt = now + Math.min(Math.max(REFRESH, pause), LATEST_REFRESH)
  }
}

/** The longest range that the address is in, the given one included. */
function longest(
  ranges: readonly Range[],
  bytes: Uint8Array,
  offset: number,
  family: 4 | 6,
  found: Range | undefined,
): Range | undefined {
  for (const range of ranges) {
    const { prefix } = range
    if (prefix.family !== family || (found !== undefined && prefix.length <= found.prefix.length)) continue
    if (prefixContains(prefix, bytes, offset)) found = range
  }
  return found
}

/** Loopback keeps its own name. */
function rangesOf(addresses: Iterable<string>): readonly Range[] {
  const ranges: Range[] = []
  for (const text of addresses) {
    const prefix = hostPrefix(text)
    if (LOOPBACK.some((own) => own.family === prefix.family && prefixContains(own, prefix.bytes, 0))) continue
    ranges.push({ prefix, refusal: 'host-address' })
  }
  return ranges
}

/** Some systems put the zone of a link-local address behind it. */
function hostPrefix(text: string): Prefix {
  return parsePrefix(text.replace(/%[^/]*/, ''), 'address of this host')
}
