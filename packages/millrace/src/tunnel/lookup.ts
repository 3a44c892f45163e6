import type { LookupAddress, LookupOptions } from 'node:dns'
import type { Resolver } from './dns/resolver.ts'

/** As of `dns.lookup`: one address and its family, or with `all` an array of both. */
export type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void

/** `dns.lookup` by another resolver. */
export function lookupWith(
  resolver: Resolver,
  host: string,
  options: LookupOptions | number | LookupCallback,
  callback?: LookupCallback,
): void {
  const done = typeof options === 'function' ? options : callback
  const given: LookupOptions =
    typeof options === 'function' ? {} : typeof options === 'number' ? { family: options } : options
  resolver.resolve(host, familyOf(given)).then(
    (found) => {
      const [first] = found as readonly [LookupAddress]
      if (given.all === true) done?.(null, [...found])
      else done?.(null, first.address, first.family)
    },
    (error) => done?.(error, ''),
  )
}

function familyOf({ family }: LookupOptions): number {
  if (family === 'IPv4') return 4
  return family === 'IPv6' ? 6 : (family ?? 0)
}
