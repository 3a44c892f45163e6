import { describe, expect, test } from 'vitest'
import { checkProxyFlags, parseProxyFlag } from './plan.ts'

describe('where to listen', () => {
  test.each([
    ['1080', '127.0.0.1', 1080],
    ['localhost:1080', '127.0.0.1', 1080],
    ['127.0.0.2:0', '127.0.0.2', 0],
    ['[::1]:1080', '::1', 1080],
  ])('%s', (text, host, port) => {
    expect(parseProxyFlag.socks5(text)).toEqual({ host, port })
    expect(parseProxyFlag.http(text)).toEqual({ host, port })
  })

  test.each([
    '',
    ':1080',
    '127.0.0.1',
    '127.0.0.1:',
    '::1:1080',
    '[::1]',
    'name:1080',
    '65536',
    '1e3',
    '0x10',
    '[::1%lo]:1',
  ])('not %j', (text) => {
    const message = `: expected PORT, ADDRESS:PORT or [IPV6]:PORT, got ${JSON.stringify(text)}`
    expect(() => parseProxyFlag.socks5(text)).toThrow(`--socks5${message}`)
    expect(() => parseProxyFlag.http(text)).toThrow(`--http${message}`)
  })
})

describe('ports that stand for others', () => {
  const at = (host: string, port: number) => ({ host, port })
  test.each([
    ['forward', '127.0.0.1:8080=10.7.0.5:80', 'tcp', at('127.0.0.1', 8080), at('10.7.0.5', 80)],
    ['forward', '8080=web.inside:80', 'tcp', at('127.0.0.1', 8080), at('web.inside', 80)],
    ['forward', 'tcp:[::]:0=[fd00::5]:80', 'tcp', at('::', 0), at('fd00::5', 80)],
    ['forward', 'udp:5353=10.7.0.1:53', 'udp', at('127.0.0.1', 5353), at('10.7.0.1', 53)],
    ['expose', '80=127.0.0.1:3000', 'tcp', at('::', 80), at('127.0.0.1', 3000)],
    ['expose', '80=3000', 'tcp', at('::', 80), at('127.0.0.1', 3000)],
    ['expose', 'udp:10.7.0.2:53=localhost:5353', 'udp', at('10.7.0.2', 53), at('localhost', 5353)],
  ] as const)('--%s %s', (option, text, protocol, listen, to) => {
    expect(parseProxyFlag[option](text)).toEqual([{ protocol, listen, to }])
  })

  test('one behind the other', () => {
    const ports = parseProxyFlag.forward('2=b:2', parseProxyFlag.forward('1=a:1')).map(({ listen }) => listen.port)
    expect(ports).toEqual([1, 2])
  })

  test.each([
    ['forward', '8080'],
    ['forward', '8080='],
    ['forward', '=10.7.0.5:80'],
    ['forward', '8080=80'],
    ['forward', '8080=10.7.0.5'],
    ['forward', '8080=10.7.0.5:0'],
    ['forward', '8080=10.7.0:80'],
    ['forward', '8080=10.7.0.5:80=1'],
    ['forward', 'sctp:8080=10.7.0.5:80'],
    ['forward', 'web:8080=10.7.0.5:80'],
    ['expose', '80'],
    ['expose', '80=127.0.0.1'],
    ['expose', '80=0'],
    ['expose', 'host:80=3000'],
    ['expose', '80=a b:3000'],
  ] as const)('not --%s %s', (option, text) => {
    const expected = {
      forward: '[udp:]LOCAL=REMOTE as in 127.0.0.1:8080=10.7.0.5:80',
      expose: '[udp:]REMOTE=LOCAL as in 80=127.0.0.1:3000',
    }
    const message = `--${option}: expected ${expected[option]}, got ${JSON.stringify(text)}`
    expect(() => parseProxyFlag[option](text)).toThrow(message)
  })
})

describe('what goes together', () => {
  const loopback = { host: '127.0.0.7', port: 1080 }
  const everywhere = { host: '0.0.0.0', port: 1080 }
  const forward = parseProxyFlag.forward('0.0.0.0:8080=10.7.0.5:80')

  test.each([
    { socks5: loopback },
    { http: { host: '::1', port: 1 } },
    { socks5: everywhere, open: true as const },
    { http: everywhere, auth: 'users' },
    { forward },
    { forward: [], expose: parseProxyFlag.expose('80=3000') },
  ])('%j', (flags) => {
    expect(() => checkProxyFlags(flags)).not.toThrow()
  })

  test.each([
    [{}, 'proxy: expected --socks5, --http, --forward or --expose, got none of them'],
    [{ open: true as const }, 'proxy: expected --socks5, --http, --forward or --expose, got none of them'],
    [{ socks5: everywhere }, '--socks5: 0.0.0.0:1080 would let other machines into the tunnel: ask them'],
    [{ http: { host: '::', port: 1 }, socks5: loopback }, '--http: [::]:1 would let other machines into the tunnel'],
    [{ http: { host: '192.0.2.1', port: 1 } }, '--http: 192.0.2.1:1 would let other machines into the tunnel'],
    [{ socks5: loopback, open: true as const, auth: 'users' }, '--open does not go with --auth'],
    [{ forward, auth: 'users' }, '--auth is for --socks5 and --http, and neither is given'],
  ])('not %j', (flags, message) => {
    expect(() => checkProxyFlags(flags)).toThrow(message)
  })
})
