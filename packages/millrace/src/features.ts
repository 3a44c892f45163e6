// Imports nothing: whoever only checks the names starts sooner without what they stand for.

/** What a machine can do and a gateway can do without, for a kernel or an OpenSSL that turns out to be at fault. */
const FEATURES = {
  'tun-tcp': 'TCP segmentation offload of the TUN device',
  'tun-udp': 'UDP segmentation offload of the TUN device',
  'udp-send': 'UDP_SEGMENT, many datagrams in one send',
  'udp-receive': 'UDP_GRO, many datagrams in one receive',
  'udp-native': 'system calls for UDP: node:dgram takes their place',
  'tcp-native': 'system calls for rootless TCP: node:net takes their place',
  openssl: "OpenSSL's functions: Node's own interface takes their place",
} as const

export type Feature = keyof typeof FEATURES

/** Of names separated by commas: the features, or what is wrong with them. */
export function featuresIn(text: string): readonly Feature[] | { readonly wrong: string } {
  const names = text.split(',').filter((name) => name !== '')
  const unknown = names.find((name) => !Object.hasOwn(FEATURES, name))
  if (unknown === undefined) return names as Feature[]
  return { wrong: `expected names out of ${Object.keys(FEATURES).join(', ')}, got ${JSON.stringify(unknown)}` }
}

/** A line for each, for a help text. */
export function describeFeatures(): string {
  return Object.entries(FEATURES)
    .map(([name, what]) => `  ${name.padEnd(11)}  ${what}`)
    .join('\n')
}
