import { formatPrefix, parsePrefix } from '@millrace/core'
import fc from 'fast-check'
import type { ParsedConfig } from '../config/config.ts'
import { encodeKey } from '../keys.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/)
const hostName = fc
  .tuple(fc.array(label, { maxLength: 3 }), fc.stringMatching(/^[a-z]{2,6}$/))
  .map(([labels, top]) => [...labels, top].join('.'))
const prefix = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, length]) => parsePrefix(`${ip}/${length}`)),
  fc.tuple(fc.ipV6(), fc.nat(128)).map(([ip, length]) => parsePrefix(`${ip}/${length}`)),
)
const command = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/).map((text) => text.replaceAll('#', '%'))
const commands = fc.array(command, { maxLength: 3 })
const peer = fc.record({
  publicKey: bytes32,
  presharedKey: fc.option(bytes32, { nil: undefined }),
  allowedIps: fc.array(prefix, { maxLength: 4 }),
  endpoint: fc.option(
    fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6(), hostName), port: fc.integer({ min: 1, max: 65_535 }) }),
    {
      nil: undefined,
    },
  ),
  persistentKeepalive: fc.nat(65_535),
  name: fc.option(fc.stringMatching(/^[!-<>-~à-ÿ]([ -<>-~]{0,20}[!-<>-~])?$/), { nil: undefined }),
})
/** Any configuration that can be written. */
export const anyConfig: fc.Arbitrary<ParsedConfig> = fc.record({
  interface: fc.record({
    privateKey: bytes32,
    listenPort: fc.nat(65_535),
    fwmark: fc.integer({ min: 0, max: 0xffff_ffff }),
    addresses: fc.array(
      prefix.map((prefix) => {
        const [address, length] = formatPrefix(prefix).split('/') as [string, string]
        return { family: prefix.family, address, prefixLength: Number(length) }
      }),
      { maxLength: 3 },
    ),
    dns: fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 2 }),
    dnsSearch: fc.array(hostName, { maxLength: 2 }),
    mtu: fc.option(fc.integer({ min: 68, max: 65_535 }), { nil: undefined }),
    table: fc.oneof(fc.constantFrom('auto' as const, 'off' as const), fc.integer({ min: 1, max: 0xffff_ffff })),
    preUp: commands,
    postUp: commands,
    preDown: commands,
    postDown: commands,
    saveConfig: fc.boolean(),
  }),
  peers: fc.uniqueArray(peer, { maxLength: 4, selector: ({ publicKey }) => encodeKey(publicKey) }),
})
