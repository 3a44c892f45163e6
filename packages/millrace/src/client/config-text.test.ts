import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { publicKeyOf } from '@millrace/layer-wireguard'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../testing/directory.ts'
import { makeState } from '../testing/state.ts'
import { clientConfig } from './config-text.ts'

/** The settings of a configuration by section, comments left out. */
function settings(text: string): Record<string, string>[] {
  const sections: Record<string, string>[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('[')) sections.push({ section: line })
    const match = /^(\w+) = (.*)$/.exec(line)
    if (match !== null) sections.at(-1)![match[1]!] = match[2]!
  }
  return sections
}

const state = makeState({ endpoint: '[2001:db8::1]:51820' }, ['laptop'])
const [laptop] = state.peers

test('says all a client needs, and takes IPv6 into the tunnel although there is no way out for it', () => {
  expect(settings(clientConfig(state, laptop!))).toEqual([
    {
      section: '[Interface]',
      PrivateKey: laptop!.privateKey,
      Address: '10.7.0.2/32, fd12:3456:789a::2/128',
    },
    {
      section: '[Peer]',
      PublicKey: publicKeyOf(state.privateKey),
      PresharedKey: laptop!.presharedKey,
      AllowedIPs: '0.0.0.0/0, ::/0',
      Endpoint: '[2001:db8::1]:51820',
      PersistentKeepalive: '25',
    },
  ])
})

test('names resolvers only where some are configured', () => {
  const text = clientConfig({ ...state, dns: ['9.9.9.9', '2620:fe::fe'] }, laptop!)
  expect(settings(text)[0]).toMatchObject({ DNS: '9.9.9.9, 2620:fe::fe' })
})

const hasWgQuick = spawnSync('wg-quick', ['--help']).status === 0

test.skipIf(!hasWgQuick)('wg-quick reads it (needs wireguard-tools)', () => {
  const directory = temporaryDirectory()
  try {
    const file = join(directory.path, 'laptop.conf')
    writeFileSync(file, clientConfig({ ...state, dns: ['9.9.9.9'] }, laptop!), { mode: 0o600 })
    const { stdout, stderr, status } = spawnSync('wg-quick', ['strip', file], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [own, peer] = settings(stdout)
    expect(own).toEqual({ section: '[Interface]', PrivateKey: laptop!.privateKey })
    expect(Object.keys(peer!)).toEqual([
      'section',
      'PublicKey',
      'PresharedKey',
      'AllowedIPs',
      'Endpoint',
      'PersistentKeepalive',
    ])
    const derived = spawnSync('wg', ['pubkey'], { input: own!['PrivateKey'], encoding: 'utf8' }).stdout.trim()
    expect(derived).toBe(laptop!.publicKey)
  } finally {
    directory.remove()
  }
})

test.each([
  [[], '127.0.0.53', '10.7.0.1'],
  [[], '[2620:fe::fe]:53', 'fd12:3456:789a::1'],
  [['9.9.9.9'], '127.0.0.53', '9.9.9.9'],
  [[], undefined, undefined],
])('names are asked of %j, else of a gateway with the resolver %s: %s', (dns, resolver, expected) => {
  const egress = { mode: 'rootless', addresses: [], allow: [], deny: [], resolver } as const
  expect(settings(clientConfig({ ...state, egress, dns }, laptop!))[0]?.['DNS']).toBe(expected)
})
