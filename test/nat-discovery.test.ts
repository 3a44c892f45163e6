import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NatOptions } from '@millrace/layer-nat'
import { canEnterNetworkNamespace } from '@millrace/native/testing'
import { describe, expect, test } from 'vitest'
import { NatWorld } from './support/nat-world.ts'
import { missingForNamespaces, type Namespace, needs } from './support/netns.ts'

// The server needs two addresses and two ports, so that it can answer from where it was not asked (RFC 5780 §6).
const SERVERS = ['198.51.100.1', '198.51.100.2'] as const
const INDEPENDENT = 'endpoint-independent'
const ADDRESS = 'address-dependent'
const PORT = 'address-and-port-dependent'

/** What `turnutils_natdiscovery` and `stun` are to print. */
interface Verdict {
  readonly mapping: string
  readonly filtering: string
  /** Of a request from another socket of the client to the outside address of the first. */
  readonly hairpin: string
  readonly stun: string
}

// `stun` tries hairpinning with one socket only, to its own outside address: the packet is its own invitation, so with
// endpoint-independent mapping it comes back whatever the filtering; `natdiscovery -H` takes two, and is let in only
// where everybody is. Of mappings that are not endpoint-independent `stun` knows one kind, and does not tell the
// filtering. RFC 3489's words are those of the tool; "random port" is to say that none is preserved.
const TURNED = 'successful hairpinning'
const REFUSED = 'STUN receive timeout'
const SYMMETRIC = 'Dependent Mapping, random port, no hairpin'
const CASES: readonly (readonly [name: string, options: Partial<NatOptions>, Verdict])[] = [
  [
    'the defaults',
    {},
    {
      mapping: 'Endpoint Independent',
      filtering: 'Address and Port Dependent',
      hairpin: REFUSED,
      stun: 'Independent Mapping, Port Dependent Filter, random port, will hairpin',
    },
  ],
  [
    `mapping and filtering ${INDEPENDENT}`,
    { mapping: INDEPENDENT, filtering: INDEPENDENT },
    {
      mapping: 'Endpoint Independent',
      filtering: 'Endpoint Independent',
      hairpin: TURNED,
      stun: 'Independent Mapping, Independent Filter, random port, will hairpin',
    },
  ],
  [
    `mapping and filtering ${INDEPENDENT}, without hairpin`,
    { mapping: INDEPENDENT, filtering: INDEPENDENT, hairpin: false },
    {
      mapping: 'Endpoint Independent',
      filtering: 'Endpoint Independent',
      hairpin: REFUSED,
      stun: 'Independent Mapping, Independent Filter, random port, no hairpin',
    },
  ],
  [
    `mapping ${INDEPENDENT}, filtering ${ADDRESS}`,
    { mapping: INDEPENDENT, filtering: ADDRESS },
    {
      mapping: 'Endpoint Independent',
      filtering: 'Address Dependent',
      hairpin: REFUSED,
      stun: 'Independent Mapping, Address Dependent Filter, random port, will hairpin',
    },
  ],
  [
    `mapping and filtering ${ADDRESS}`,
    { mapping: ADDRESS, filtering: ADDRESS },
    { mapping: 'Address Dependent', filtering: 'Address Dependent', hairpin: REFUSED, stun: SYMMETRIC },
  ],
  [
    `mapping ${ADDRESS}, filtering ${PORT}`,
    { mapping: ADDRESS, filtering: PORT },
    { mapping: 'Address Dependent', filtering: 'Address and Port Dependent', hairpin: REFUSED, stun: SYMMETRIC },
  ],
  [
    `mapping and filtering ${PORT}`,
    { mapping: PORT, filtering: PORT },
    {
      mapping: 'Address and Port Dependent',
      filtering: 'Address and Port Dependent',
      hairpin: REFUSED,
      stun: SYMMETRIC,
    },
  ],
]

const koffi = canEnterNetworkNamespace() ? [] : ['root and koffi']
const missing = [...missingForNamespaces('turnserver', 'turnutils_natdiscovery', 'stun', 'ss'), ...koffi]

describe.skipIf(missing.length > 0)(`what RFC 5780 and RFC 3489 find out about a NAT${needs(missing)}`, () => {
  test('is what its options promise', async () => {
    // Most of the time the tools wait for answers that must not come, so all wait at once.
    const found = await Promise.all(CASES.map(async ([name, options]) => [name, await discover(options)]))
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(CASES.map(([name, _, verdict]) => [name, verdict])))
  })
})

/** What the tools print about a NAT with these options. */
async function discover(options: Partial<NatOptions>): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  const world = new NatWorld()
  try {
    await world.start(
      options,
      SERVERS.map((address) => `${address}/32`),
    )
    await serve(world.router, folder)
    const ask = (flag: string): Promise<string> => world.client.exec('turnutils_natdiscovery', flag, SERVERS[0])
    // The exit code of `stun` is a part of its verdict, and no failure.
    const stun = world.client.exec('sh', '-c', `stun ${SERVERS[0]} || true`)
    const [mapping, filtering, hairpin, rfc3489] = await Promise.all([ask('-m'), ask('-f'), ask('-H'), stun])
    const verdict = (text: string, pattern: RegExp): string => pattern.exec(text)?.[1] ?? text
    return {
      mapping: verdict(mapping, /NAT with (.*) Mapping!/),
      filtering: verdict(filtering, /NAT with (.*) Filtering!/),
      hairpin: verdict(hairpin, /(successful hairpinning|STUN receive timeout)/),
      stun: verdict(rfc3489, /Primary: (.*?)\s*$/m),
    }
  } finally {
    await world.close()
    rmSync(folder, { recursive: true })
  }
}

/** Starts a STUN server that keeps its files in `folder`, and waits until it listens. */
async function serve(namespace: Namespace, folder: string): Promise<void> {
  const quiet = ['-n', '--no-auth', '--no-tls', '--no-dtls', '--no-tcp', '--no-cli', '--log-file', 'stdout']
  const files = ['--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db')]
  const addresses = SERVERS.flatMap((address) => ['-L', address])
  const program = namespace.start('turnserver', ...quiet, ...files, ...addresses)
  const listening = (): number => new Set(namespace.run('ss', '-nluH').match(/198\.51\.100\.[12]:347[89]/g)).size
  await expect.poll(listening, { timeout: 20_000, message: program.stderr }).toBe(4)
}
