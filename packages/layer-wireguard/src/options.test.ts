import { ConfigurationError, formatPrefix } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { decodeKey, generatePresharedKey, generatePrivateKey, publicKeyOf } from './keys.ts'
import { type PeerOptions, parsePeer, parsePeerChanges } from './options.ts'
import { type WireguardOptions, wireguard } from './wireguard.ts'

const publicKey = publicKeyOf(generatePrivateKey())
const peer: PeerOptions = { publicKey, allowedIps: ['10.0.0.2/32'], name: 'laptop' }

test('what is not given has its default', () => {
  const parsed = parsePeer({ publicKey, allowedIps: [] })
  expect(parsed).toEqual({
    publicKey: Uint8Array.from(Buffer.from(publicKey, 'base64')),
    id: publicKey,
    name: undefined,
    presharedKey: undefined,
    endpoint: undefined,
    allowedIps: [],
    persistentKeepalive: 0,
  })
})

test('everything that can be given', () => {
  const presharedKey = generatePresharedKey()
  const endpoint = '[2001:db8::1]:51820'
  const allowedIps = ['10.0.0.77/24', 'fd00::/64', '10.0.1.1']
  const parsed = parsePeer({ ...peer, presharedKey, endpoint, allowedIps, persistentKeepalive: 25 })
  expect(parsed).toMatchObject({ name: 'laptop', persistentKeepalive: 25 })
  expect(parsed.presharedKey).toEqual(decodeKey(presharedKey, 'presharedKey'))
  expect(`${parsed.endpoint}`).toBe(endpoint)
  expect(parsed.allowedIps.map(formatPrefix)).toEqual(['10.0.0.0/24', 'fd00::/64', '10.0.1.1/32'])
})

test('a change has only what was given', () => {
  expect(parsePeerChanges('laptop', {})).toEqual({})
  expect(parsePeerChanges('laptop', { persistentKeepalive: 0 })).toEqual({ persistentKeepalive: 0 })
  expect(parsePeerChanges('laptop', { allowedIps: [] })).toEqual({ allowedIps: [] })
})

describe('one clear line for', () => {
  const key = 'expected a key of 32 bytes in base64 (44 characters)'
  test.each<[string, Partial<PeerOptions>, string]>([
    ['a wrong key', { publicKey: 'x' }, `peer laptop publicKey: ${key}`],
    ['a wrong pre-shared key', { presharedKey: 'x' }, `peer laptop presharedKey: ${key}`],
    [
      'a name for an endpoint that is none',
      { endpoint: 'vpn..example:1' },
      'peer laptop endpoint: expected an IPv4 or IPv6 address, got "vpn..example"',
    ],
    [
      'an endpoint without a port',
      { endpoint: '192.0.2.1' },
      'peer laptop endpoint: expected ADDRESS:PORT or [IPV6]:PORT, got "192.0.2.1"',
    ],
    [
      'port 0',
      { endpoint: '192.0.2.1:0' },
      'peer laptop endpoint: expected ADDRESS:PORT or [IPV6]:PORT, got "192.0.2.1:0"',
    ],
    [
      'no prefix',
      { allowedIps: ['10.0.0.2/32', 'all'] },
      'peer laptop allowedIps: expected an IPv4 or IPv6 address, got "all"',
    ],
    [
      'a prefix too long',
      { allowedIps: ['10.0.0.0/33'] },
      'peer laptop allowedIps: expected a prefix length from 0 to 32, got "10.0.0.0/33"',
    ],
    [
      'a negative keepalive',
      { persistentKeepalive: -1 },
      'peer laptop persistentKeepalive: expected seconds from 0 to 65535, got -1',
    ],
    [
      'a long keepalive',
      { persistentKeepalive: 65_536 },
      'peer laptop persistentKeepalive: expected seconds from 0 to 65535, got 65536',
    ],
    [
      'half a second',
      { persistentKeepalive: 0.5 },
      'peer laptop persistentKeepalive: expected seconds from 0 to 65535, got 0.5',
    ],
  ])('%s', (_what, wrong, message) => {
    const parse = (): unknown => parsePeer({ ...peer, ...wrong })
    expect(parse).toThrow(ConfigurationError)
    expect(parse).toThrow(new ConfigurationError(message))
  })

  test('a wrong key of a peer without a name', () => {
    expect(() => parsePeer({ publicKey: 'x', allowedIps: [] })).toThrow(
      new ConfigurationError(`peer publicKey: ${key}`),
    )
  })

  test.each<[string, WireguardOptions['privateKey'], string]>([
    ['a private key that is no base64', 'x', `wireguard privateKey: ${key}`],
    ['a private key too short', new Uint8Array(31), 'wireguard privateKey: expected 32 bytes, got 31'],
    ['a private key too long', new Uint8Array(33), 'wireguard privateKey: expected 32 bytes, got 33'],
  ])('%s', (_what, privateKey, message) => {
    expect(() => wireguard({ privateKey })).toThrow(new ConfigurationError(message))
  })

  test('two peers with one key', () => {
    const options = { privateKey: generatePrivateKey(), peers: [peer, { ...peer, name: 'phone' }] }
    expect(() => wireguard(options)).toThrow(new ConfigurationError(`peer ${publicKey}: there already`))
  })
})
