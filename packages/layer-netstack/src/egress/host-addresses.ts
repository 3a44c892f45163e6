import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

/**
 * The addresses at which this host is reached from itself, as text; of routes of type local also prefixes. On Linux from
 * its routing tables, because `os.networkInterfaces` leaves out interfaces without a carrier, whose addresses answer.
 */
export function hostAddresses(): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
  if (process.platform !== 'linux') return addresses
  const routes = [...localRoutes4(read('/proc/net/fib_trie')), ...localRoutes6(read('/proc/net/ipv6_route'))]
  // A route is listed under each of the tables that share it.
  return [...new Set([...addresses, ...routes])]
}

/** Where there is no such file, the interfaces have to do. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** A route of type local for more than this is there to divert connections (transparent proxies), and says nothing of us. */
const WIDEST = 8

/** Of /proc/net/fib_trie: a line with the address, followed by one for each route to it. Broadcast counts as local. */
export function localRoutes4(text: string): readonly string[] {
  const found: string[] = []
  let address = ''
  for (const line of text.split('\n')) {
    const leaf = /^ *\|-- ([\d.]+)/.exec(line)
    if (leaf !== null) address = leaf[1] as string
    const length = /^ *\/(\d+) \w+ (?:LOCAL|BROADCAST)/.exec(line)?.[1]
    if (Number(length) >= WIDEST) found.push(`${address}/${length}`)
  }
  return found
}

const RTF_LOCAL = 0x8000_0000
const RTF_ANYCAST = 0x0010_0000

/** Of /proc/net/ipv6_route: destination and length first, flags last but one, all in hexadecimal. */
export function localRoutes6(text: string): readonly string[] {
  const found: string[] = []
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/ +/)
    const groups = fields[0]?.match(/[\da-f]{4}/g) ?? []
    const [length, flags] = [fields[1], fields[8]].map((field) => Number.parseInt(field ?? '0', 16)) as [number, number]
    if (groups.length !== 8 || length < WIDEST || (flags & (RTF_LOCAL | RTF_ANYCAST)) === 0) continue
    found.push(`${groups.join(':')}/${length}`)
  }
  return found
}
