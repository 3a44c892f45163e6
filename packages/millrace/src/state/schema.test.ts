import { ConfigurationError } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { makeState } from '../testing/state.ts'
import { parseState } from './schema.ts'
import type { GatewayState } from './state.ts'

const FILE = '/state/gateway.json'
const two = makeState({ egress: { mode: 'tun', address: '203.0.113.7' } }, ['one', 'two'])

/** The text of a good state with one value replaced, or taken out if it is undefined. */
function stateWith(path: string, value: unknown): string {
  const state = JSON.parse(JSON.stringify(two))
  const keys = path.split('.')
  const last = keys.pop() as string
  const parent = keys.reduce((object, key) => object[key], state)
  parent[last] = value
  return JSON.stringify(state)
}

function problemOf(json: string): string {
  try {
    parseState(json, FILE)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError)
    return (error as Error).message
  }
  return 'accepted'
}

test('reads what was written', () => {
  const states: GatewayState[] = [
    two,
    makeState({ public: 'vpn.example.org', outer: 'eth0', dns: ['9.9.9.9', '2620:fe::fe'] }),
    makeState({}, []),
  ]
  for (const state of states) expect(parseState(JSON.stringify(state), FILE)).toEqual(state)
})

describe('names the file, the place and what was expected', () => {
  test.each([
    ['version', 0, 'version: expected 1'],
    ['version', 2, 'version 2 is newer than this program, which reads 1: update millrace'],
    ['listenPort', '51820', 'listenPort: expected a port from 1 to 65535'],
    ['listenPort', 70_000, 'listenPort: expected a port from 1 to 65535'],
    ['privateKey', undefined, 'privateKey: expected a value, found none'],
    ['privateKey', 'AAAA', 'privateKey: expected a base64 key of 32 bytes'],
    ['endpoint', 'vpn.example.org', 'endpoint: expected HOST:PORT or [IPV6]:PORT'],
    ['endpoint', 'vpn.example.org:51820\nPostUp = reboot', 'endpoint: expected HOST:PORT or [IPV6]:PORT'],
    ['egress', undefined, 'egress: expected a value, found none'],
    ['egress', { mode: 'magic' }, 'egress.mode: expected "rootless", "tun" or "kernel"'],
    ['egress', { mode: 'tun' }, 'egress.address: expected a value, found none'],
    ['egress.address', '2001:db8::1', 'egress.address: expected an IPv4 address'],
    ['subnet', '10.7.0.0/31', 'subnet: expected an IPv4 network of /8 to /30'],
    ['subnet6', 'fd00::/48', 'subnet6: expected an IPv6 prefix of 64 bits'],
    ['interface', '../x', 'interface: expected an interface name'],
    ['dns', ['9.9.9.9\nPostUp = reboot'], 'dns.0: expected an IP address'],
    ['peers', undefined, 'peers: expected a value, found none'],
    ['peers.1', 5, 'peers.1: expected an object'],
    ['peers.1.presharedKey', 'AAAA', 'peers.1.presharedKey: expected a base64 key of 32 bytes'],
    ['peers.0.address', '10.7.0.300', 'peers.0.address: expected an IPv4 address'],
    ['peers.0.name', 'a\nb', 'peers.0.name: expected a name of 1 to 32 letters, digits, ".", "_" or "-"'],
    ['peers.1.name', 'one', 'peers: expected a different name for each peer'],
    ['peers.1.address', two.peers[0]?.address, 'peers: expected a different address for each peer'],
    ['peers.1.publicKey', two.peers[0]?.publicKey, 'peers: expected a different key for each peer'],
  ])('%s = %j', (path, value, message) => {
    expect(problemOf(stateWith(path, value))).toBe(`${FILE}: ${message}`)
  })

  test.each([
    ['{"version": 1,', 'expected JSON'],
    ['', 'expected JSON'],
    ['null', 'expected an object'],
    ['[]', 'version: expected a value, found none'],
  ])('%s', (json, message) => {
    expect(problemOf(json)).toBe(`${FILE}: ${message}`)
  })
})

test('a wrong secret is not repeated in the message', () => {
  expect(problemOf(stateWith('privateKey', 'not-a-key-but-secret'))).not.toContain('secret')
})
