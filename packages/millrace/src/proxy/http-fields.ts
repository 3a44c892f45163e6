/** Fields between two ends of a connection, not of a message (RFC 9110 §7.6.1, §11.7). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Names and values one after the other, as `rawHeaders` of `node:http`, without those that end here. */
export function endToEnd(fields: readonly string[], without: readonly string[] = []): string[] {
  const dropped = new Set([...HOP_BY_HOP, ...without])
  for (const [name, value] of pairs(fields)) {
    if (name.toLowerCase() !== 'connection') continue
    for (const option of value.split(',')) dropped.add(option.trim().toLowerCase())
  }
  // Where a message ends is never up to a list of names that one of its ends has sent.
  dropped.delete('content-length')
  return pairs(fields).flatMap(([name, value]) => (dropped.has(name.toLowerCase()) ? [] : [name, value]))
}

function pairs(fields: readonly string[]): (readonly [name: string, value: string])[] {
  const found: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) found.push([fields[i] as string, fields[i + 1] as string])
  return found
}
