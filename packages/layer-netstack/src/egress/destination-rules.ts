import { ConfigurationError, type Prefix, parsePrefix, prefixContains } from '@millrace/core'

/** A prefix, and the ports it speaks of. */
export interface DestinationRule {
  readonly prefix: Prefix
  readonly firstPort: number
  readonly lastPort: number
  /** False where the rule is for whatever port, and for protocols that have none. */
  readonly namesPorts: boolean
}

const ALL: readonly Prefix[] = [parsePrefix('0.0.0.0/0'), parsePrefix('::/0')]
const MAPPED: Prefix = parsePrefix('::ffff:0:0/96')

/**
 * Parses `10.0.0.0/8`, `192.0.2.1`, `192.0.2.1:5432`, `10.0.0.0/8:8000-8099`, `fd00::/64`, `[fd00::1]:443`,
 * `[fd00::/64]:443`, `*:25` or `*`, which stands for both families. Throws a ConfigurationError that names `what`.
 */
export function parseDestinationRule(text: string, what: string): readonly DestinationRule[] {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(text)
  const place = match?.[1] ?? match?.[2] ?? text
  const prefixes = place === '*' && match?.[1] === undefined ? ALL : [parsePrefix(place, what)]
  const namesPorts = match?.[3] !== undefined
  const firstPort = Number(match?.[3] ?? 0)
  const lastPort = namesPorts ? Number(match?.[4] ?? firstPort) : 65_535
  if (namesPorts && (firstPort < 1 || lastPort < firstPort || lastPort > 65_535)) {
    throw new ConfigurationError(`${what}: expected a port or a range of ports from 1 to 65535, got "${text}"`)
  }
  return prefixes.map((prefix) => {
    refuseMapped(prefix, text, what)
    return { prefix, firstPort, lastPort, namesPorts }
  })
}

/** Such a rule would never be asked: what it means is the IPv4 address. */
function refuseMapped(prefix: Prefix, text: string, what: string): void {
  if (prefix.family === 4 || prefix.length < MAPPED.length || !prefixContains(MAPPED, prefix.bytes, 0)) return
  throw new ConfigurationError(`${what}: expected an IPv4 address in its own form, got "${text}"`)
}

/** Whether a rule of the same family speaks of this address and port; 0 is the port of what has none. */
export function ruleMatches(rule: DestinationRule, bytes: Uint8Array, offset: number, port: number): boolean {
  return port >= rule.firstPort && port <= rule.lastPort && prefixContains(rule.prefix, bytes, offset)
}
