import { ConfigurationError, formatPrefix } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { encodeKey } from '../keys.ts'
import { parseConfig } from './parse-config.ts'

const key = (seed: number): string => encodeKey(new Uint8Array(32).fill(seed))
const [privateKey, presharedKey, a, b] = [key(200), key(201), key(1), key(2)] as [string, string, string, string]
const minimal = `[Interface]\nPrivateKey = ${privateKey}\n`

test('every setting', () => {
  const config = parseConfig(`
# A comment
[Interface]
PrivateKey = ${privateKey}   # of this end
ListenPort = 51820
FwMark = 0xCA6C
Address = 10.0.0.2/24, fd00::2/64
Address=10.0.1.2
DNS = 10.0.0.1, example.com corp.example
DNS = fd00::1
MTU = 1380
Table = 1234
PreUp = echo one; echo = %i
PostUp = iptables -A FORWARD -i %i -j ACCEPT # all of it
PostUp = two
PreDown =
PostDown = three
SaveConfig = true

[Peer]
# Alice's laptop
# bought in March
PublicKey = ${a}
PresharedKey = ${presharedKey}
AllowedIPs = 10.0.0.77/24, ::/0
AllowedIPs = 192.0.2.7
Endpoint = vpn.example.com:51820
PersistentKeepalive = 25

[Peer]

# not right below
PublicKey = ${b}
AllowedIPs =
Endpoint = [2001:db8::1]:1
PersistentKeepalive = off
`)
  const { peers, interface: device } = config
  expect({ ...device, privateKey: encodeKey(device.privateKey) }).toEqual({
    privateKey,
    listenPort: 51_820,
    fwmark: 0xca6c,
    addresses: [
      { family: 4, address: '10.0.0.2', prefixLength: 24 },
      { family: 6, address: 'fd00::2', prefixLength: 64 },
      { family: 4, address: '10.0.1.2', prefixLength: 32 },
    ],
    dns: ['10.0.0.1', 'fd00::1'],
    dnsSearch: ['example.com', 'corp.example'],
    mtu: 1380,
    table: 1234,
    preUp: ['echo one; echo = %i'],
    postUp: ['iptables -A FORWARD -i %i -j ACCEPT', 'two'],
    preDown: [''],
    postDown: ['three'],
    saveConfig: true,
  })
  expect(peers.map((peer) => ({ ...peer, allowedIps: peer.allowedIps.map(formatPrefix) }))).toEqual([
    {
      publicKey: Uint8Array.from(Buffer.from(a, 'base64')),
      presharedKey: Uint8Array.from(Buffer.from(presharedKey, 'base64')),
      allowedIps: ['10.0.0.0/24', '::/0', '192.0.2.7/32'],
      endpoint: { host: 'vpn.example.com', port: 51_820 },
      persistentKeepalive: 25,
      name: "Alice's laptop",
    },
    {
      publicKey: Uint8Array.from(Buffer.from(b, 'base64')),
      presharedKey: undefined,
      allowedIps: [],
      endpoint: { host: '2001:db8::1', port: 1 },
      persistentKeepalive: 0,
      name: undefined,
    },
  ])
})

test('what is not there has its default', () => {
  const { interface: device, peers } = parseConfig(minimal)
  expect(peers).toEqual([])
  expect(device).toMatchObject({ listenPort: 0, fwmark: 0, addresses: [], dns: [], mtu: undefined, table: 'auto' })
  expect(device).toMatchObject({ preUp: [], postUp: [], preDown: [], postDown: [], saveConfig: false })
})

describe('the same, written otherwise', () => {
  const expected = parseConfig(`${minimal}ListenPort = 7\n[Peer]\nPublicKey = ${a}\nAllowedIPs = 10.0.0.0/8\n`)
  test.each([
    [
      'in other case',
      `[INTERFACE]\nprivatekey=${privateKey}\nLISTENPORT=7\n[peer]\npublicKEY=${a}\nallowedips=10.0.0.0/8`,
    ],
    [
      'with spaces',
      `\t[Interface] \n PrivateKey\t= ${privateKey} \n  ListenPort =  7\n[Peer]\n\nPublicKey = ${a}\nAllowedIPs = 10.0.0.0 / 8`,
    ],
    [
      'with CRLF',
      `${minimal}ListenPort = 7\n[Peer]\nPublicKey = ${a}\nAllowedIPs = 10.0.0.0/8\n`.replaceAll('\n', '\r\n'),
    ],
    ['with a byte order mark', `\uFEFF${minimal}ListenPort = 7\n[Peer]\nPublicKey = ${a}\nAllowedIPs = 10.0.0.0/8`],
    ['the peer first', `[Peer]#x\nPublicKey=${a}#y\nAllowedIPs=10.0.0.0/8#,\n${minimal}ListenPort=7`],
  ])('%s', (_what, text) => {
    expect(parseConfig(text)).toEqual(expected)
  })
})

describe('the name of a peer', () => {
  test.each([
    ['# laptop', 'laptop'],
    ['#laptop of Zoë 💻 ', 'laptop of Zoë 💻'],
    ['  # # 1', '# 1'],
    ['#', undefined],
    [`# PresharedKey = ${presharedKey}`, undefined],
    [`#${presharedKey}`, undefined],
    [`# ${'x'.repeat(65)}`, undefined],
    ['# \u202Egnp', undefined],
    ['# a\u001B[2J', undefined],
  ])('%j', (comment, name) => {
    expect(parseConfig(`${minimal}[Peer]\n${comment}\nPublicKey = ${a}`).peers[0]?.name).toBe(name)
  })
})

const keyExpected = 'expected a key of 32 bytes in base64 (44 characters), got'
const word = 'one of PublicKey, PresharedKey, AllowedIPs, Endpoint, PersistentKeepalive'
describe('an error names file, line and what was expected', () => {
  // The interface is lines 1 to 3, so that what is to be wrong begins in line 4.
  test.each<[string, string, string]>([
    [
      'an unknown key',
      'Adress = 10.0.0.1/24',
      '4: expected one of PrivateKey, ListenPort, FwMark, Address, DNS, MTU, Table, PreUp, PostUp, PreDown, PostDown, SaveConfig, got "Adress"',
    ],
    ['an unknown section', '[Peers]', '4: expected [Interface] or [Peer], got "[Peers]"'],
    ['a second interface', '[interface]', '4: expected [Interface] once, got another one after line 2'],
    ['a line without =', 'ListenPort', '4: expected KEY = VALUE, got a line without ='],
    [
      'a key that is no word',
      '= 5',
      '4: expected one of PrivateKey, ListenPort, FwMark, Address, DNS, MTU, Table, PreUp, PostUp, PreDown, PostDown, SaveConfig, got something else',
    ],
    ['a control character', 'PostUp = a\u0000b', '4: expected text, got a control character'],
    ['a second private key', `PrivateKey = ${a}`, '4: expected PrivateKey once, got another one after line 3'],
    ['a port too high', 'ListenPort = 65536', '4: expected a number from 0 to 65535, got "65536"'],
    ['no port', 'ListenPort =', '4: expected a number from 0 to 65535, got nothing'],
    [
      'a mark too high',
      'FwMark = 0x100000000',
      '4: expected off or a number from 0 to 4294967295, decimal or 0x hex, got "0x100000000"',
    ],
    ['an address by name', 'Address = here', '4: expected an IPv4 or IPv6 address, with /LENGTH or alone, got "here"'],
    [
      'the second of two addresses',
      'Address = 10.0.0.1/24, 10.0.0.2/33',
      '4: expected an IPv4 or IPv6 address, with /LENGTH or alone, got "10.0.0.2/33"',
    ],
    ['a server that is none', 'DNS = 10.0.0', '4: expected an IPv4 or IPv6 address or a search domain, got "10.0.0"'],
    [
      'a search domain that is none',
      'DNS = $(reboot)',
      '4: expected an IPv4 or IPv6 address or a search domain, got "$(reboot)"',
    ],
    ['a small MTU', 'MTU = 67', '4: expected a number from 68 to 65535, got "67"'],
    ['a table by name', 'Table = main', '4: expected off, auto or a number from 1 to 4294967295, got "main"'],
    ['SaveConfig = yes', 'SaveConfig = yes', '4: expected true or false, got "yes"'],
    ['a peer without key', '[Peer]\nAllowedIPs =', '4: expected a PublicKey in [Peer], got none'],
    ['a public key too short', `[Peer]\nPublicKey = ${a.slice(1)}`, `5: ${keyExpected} 43 characters`],
    ['a public key not canonical', `[Peer]\nPublicKey = ${a.slice(0, 42)}F=`, `5: ${keyExpected} 44 characters`],
    ['a pre-shared key too long', `[Peer]\nPresharedKey = ${presharedKey}A`, `5: ${keyExpected} 45 characters`],
    [
      'a peer twice',
      `[Peer]\nPublicKey = ${a}\n[Peer]\n\nPublicKey = ${a}`,
      '8: expected every PublicKey once, got that of line 5 again',
    ],
    ['a setting of the interface', '[Peer]\nMTU = 1420', `5: expected ${word}, got "MTU"`],
    [
      'prefixes with spaces between',
      '[Peer]\nAllowedIPs = 10.0.0.0/8 10.1.0.0/16',
      '5: expected an IPv4 or IPv6 address, with /LENGTH or alone, got "10.0.0.0/810.1.0.0/16"',
    ],
    [
      'a comma at the end',
      '[Peer]\nAllowedIPs = 10.0.0.0/8,',
      '5: expected an IPv4 or IPv6 address, with /LENGTH or alone, got nothing',
    ],
    [
      'an endpoint without port',
      '[Peer]\nEndpoint = vpn.example',
      '5: expected NAME:PORT, IPV4:PORT or [IPV6]:PORT, got "vpn.example"',
    ],
    [
      'an endpoint with port 0',
      '[Peer]\nEndpoint = vpn.example:0',
      '5: expected NAME:PORT, IPV4:PORT or [IPV6]:PORT, got "vpn.example:0"',
    ],
    [
      'an IPv6 endpoint without brackets',
      '[Peer]\nEndpoint = ::1:51820',
      '5: expected NAME:PORT, IPV4:PORT or [IPV6]:PORT, got "::1:51820"',
    ],
    [
      'an endpoint of half an address',
      '[Peer]\nEndpoint = 192.0.2:1',
      '5: expected NAME:PORT, IPV4:PORT or [IPV6]:PORT, got "192.0.2:1"',
    ],
    [
      'an endpoint with a wild name',
      '[Peer]\nEndpoint = a..b:1',
      '5: expected NAME:PORT, IPV4:PORT or [IPV6]:PORT, got "a..b:1"',
    ],
    [
      'a keepalive too long',
      '[Peer]\nPersistentKeepalive = 65536',
      '5: expected off or seconds from 0 to 65535, got "65536"',
    ],
    [
      'a long value',
      `ListenPort = ${'.'.repeat(1000)}`,
      `4: expected a number from 0 to 65535, got "${'.'.repeat(48)}…"`,
    ],
    [
      'a key in the wrong place',
      `ListenPort = ${privateKey}`,
      '4: expected a number from 0 to 65535, got 44 characters',
    ],
    ['a key in the place of a section', `[${privateKey}]`, '4: expected [Interface] or [Peer], got 46 characters'],
  ])('%s', (_what, lines, expected) => {
    const parse = (): unknown => parseConfig(`# wg0\n${minimal}${lines}\n`, 'wg0.conf')
    expect(parse).toThrow(ConfigurationError)
    expect(parse).toThrow(new ConfigurationError(`wg0.conf:${expected}`))
  })

  test.each([
    ['an empty file', '', '1: expected [Interface], got the end of the file'],
    ['a file of peers', `[Peer]\nPublicKey = ${a}\n`, '3: expected [Interface], got the end of the file'],
    [
      'a setting before any section',
      `PrivateKey = ${privateKey}`,
      '1: expected [Interface] or [Peer], got "PrivateKey"',
    ],
    ['a key before any section', `${privateKey}`, '1: expected [Interface] or [Peer], got something else'],
    ['no private key', '\n[Interface]\n[Peer]\n', '2: expected a PrivateKey in [Interface], got none'],
    ['a wrong private key', '[Interface]\nPrivateKey = secret', `2: ${keyExpected} 6 characters`],
  ])('%s', (_what, text, expected) => {
    expect(() => parseConfig(text, '/etc/x.conf')).toThrow(new ConfigurationError(`/etc/x.conf:${expected}`))
  })
})
