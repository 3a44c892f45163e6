import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAXIMUM_LINE } from './operation-parser.ts'
import { MemoryTarget } from './testing/memory-target.ts'
import { converse } from './testing/session-runner.ts'

const [a, b, c] = ['a1', 'b2', 'c3'].map((byte) => byte.repeat(32)) as [string, string, string]
const none = '0'.repeat(64)

/** A device with peers a and b. */
async function withPeers(): Promise<MemoryTarget> {
  const target = new MemoryTarget()
  const script = [
    `private_key=${c}`,
    'listen_port=51820',
    'fwmark=4294967295',
    `public_key=${a}`,
    `preshared_key=${b}`,
    'endpoint=192.0.2.1:1',
    'persistent_keepalive_interval=25',
    'allowed_ip=10.0.0.0/8',
    'allowed_ip=10.1.2.3/32',
    'protocol_version=1',
    `public_key=${b}`,
    'endpoint=[2001:db8::1]:65535',
    'allowed_ip=fd00::/64',
  ]
  expect(await converse(target, [set(...script)])).toBe('errno=0\n\n')
  return target
}

const set = (...lines: readonly string[]): string => `${['set=1', ...lines, ''].join('\n')}\n`
const peersOf = (target: MemoryTarget): string[] => [...target.byKey.keys()]
const allowed = (target: MemoryTarget, key: string): string[] => [...(target.byKey.get(key)?.prefixes.keys() ?? [])]

test('every key of a set', async () => {
  expect((await withPeers()).snapshot()).toEqual({
    privateKey: c,
    listenPort: 51_820,
    fwmark: 4_294_967_295,
    peers: {
      [a]: {
        presharedKey: b,
        endpoint: '192.0.2.1:1',
        persistentKeepalive: 25,
        allowedIps: ['10.0.0.0/8', '10.1.2.3/32'],
      },
      [b]: {
        presharedKey: none,
        endpoint: '[2001:db8::1]:65535',
        persistentKeepalive: 0,
        allowedIps: ['fd00::/64'],
      },
    },
  })
})

test('get tells all of it', async () => {
  const target = await withPeers()
  const peer = target.byKey.get(a) as { latestHandshake: number; sentBytes: bigint; receivedBytes: number }
  peer.latestHandshake = 1_700_000_000_123
  peer.sentBytes = 18_446_744_073_709_551_615n
  peer.receivedBytes = 7
  expect(await converse(target, ['get=1\n\n'])).toBe(
    `private_key=${c}
listen_port=51820
fwmark=4294967295
public_key=${a}
preshared_key=${b}
protocol_version=1
endpoint=192.0.2.1:1
last_handshake_time_sec=1700000000
last_handshake_time_nsec=123000000
tx_bytes=18446744073709551615
rx_bytes=7
persistent_keepalive_interval=25
allowed_ip=10.0.0.0/8
allowed_ip=10.1.2.3/32
public_key=${b}
preshared_key=${none}
protocol_version=1
endpoint=[2001:db8::1]:65535
last_handshake_time_sec=0
last_handshake_time_nsec=0
tx_bytes=0
rx_bytes=0
persistent_keepalive_interval=0
allowed_ip=fd00::/64
errno=0

`,
  )
  expect(await converse(new MemoryTarget(), ['get=1\n\nset=1\n\nget=1\n\n'])).toBe('errno=0\n\n'.repeat(3))
})

describe('a set', () => {
  test('with keys of zeros takes them away', async () => {
    const target = await withPeers()
    await converse(target, [set(`private_key=${none}`, 'fwmark=0', `public_key=${a}`, `preshared_key=${none}`)])
    expect(target.snapshot()).toMatchObject({
      privateKey: undefined,
      fwmark: 0,
      peers: { [a]: { presharedKey: none } },
    })
  })

  test('replaces peers, or the prefixes of one', async () => {
    const target = await withPeers()
    await converse(target, [set(`public_key=${a}`, 'replace_allowed_ips=true', 'allowed_ip=10.9.0.0/16')])
    expect([allowed(target, a), allowed(target, b)]).toEqual([['10.9.0.0/16'], ['fd00::/64']])
    await converse(target, [set('replace_peers=true', `public_key=${c}`)])
    expect(peersOf(target)).toEqual([c])
  })

  test('moves a prefix, and removes the own ones only', async () => {
    const target = await withPeers()
    await converse(target, [set(`public_key=${b}`, 'allowed_ip=10.255.0.0/8', 'allowed_ip=-10.1.2.3/32')])
    expect([allowed(target, a), allowed(target, b)]).toEqual([['10.1.2.3/32'], ['fd00::/64', '10.0.0.0/8']])
    await converse(target, [set(`public_key=${a}`, 'allowed_ip=-10.1.2.3/32')])
    expect(allowed(target, a)).toEqual([])
  })

  test('removes a peer, and ignores what else is said of it', async () => {
    const target = await withPeers()
    const lines = [`public_key=${a}`, 'remove=true', 'allowed_ip=10.0.0.0/8', `public_key=${c}`, 'remove=true']
    expect(await converse(target, [set(...lines)])).toBe('errno=0\n\n')
    expect(peersOf(target)).toEqual([b])
  })

  test('makes no peer where it may only update', async () => {
    const target = await withPeers()
    const change = ['update_only=true', 'persistent_keepalive_interval=9']
    expect(await converse(target, [set(`public_key=${c}`, ...change, `public_key=${a}`, ...change)])).toBe(
      'errno=0\n\n',
    )
    expect(peersOf(target)).toEqual([a, b])
    expect(target.byKey.get(a)).toMatchObject({ persistentKeepalive: 9 })
    // Also if it says so late.
    await converse(target, [set(`public_key=${c}`, 'endpoint=192.0.2.1:1', 'update_only=true')])
    expect(peersOf(target)).toEqual([a, b])
  })

  test('makes a peer of which nothing but the key is said', async () => {
    const target = new MemoryTarget()
    await converse(target, [set(`public_key=${a}`, `public_key=${b.toUpperCase()}`)])
    expect(peersOf(target)).toEqual([a, b])
  })

  test('never makes a peer of the own key', async () => {
    const target = new MemoryTarget()
    target.ownPublicKey = a
    expect(await converse(target, [set(`public_key=${a}`, 'allowed_ip=10.0.0.0/8')])).toBe('errno=0\n\n')
    expect(peersOf(target)).toEqual([])
  })

  test('stops at the first line that cannot be done, and the next operation is in step', async () => {
    const target = await withPeers()
    const script = set('fwmark=1', 'listen_port=65536', 'fwmark=2', 'get=1', `public_key=${c}`) + set('listen_port=7')
    expect(await converse(target, [script])).toBe('errno=-22\n\nerrno=0\n\n')
    expect(target).toMatchObject({ fwmark: 1, listenPort: 7 })
    expect(peersOf(target)).toEqual([a, b])
  })

  test('a zone stays with its address', async () => {
    const target = new MemoryTarget()
    await converse(target, [set(`public_key=${a}`, 'endpoint=[fe80::1%eth0]:51820')])
    expect(await converse(target, ['get=1\n\n'])).toContain('\nendpoint=[fe80::1%eth0]:51820\n')
  })
})

const peer = `public_key=${a}`
const gone = [`public_key=${c}`, 'remove=true']
describe('refused with EINVAL', () => {
  test.each<[string, readonly string[]]>([
    ['an unknown key', ['color=red']],
    ['a name of every object', ['constructor=true']],
    ['a key of a peer before any', ['allowed_ip=10.0.0.0/8']],
    ['a key of the device behind a peer', [peer, 'listen_port=1']],
    ['an unknown key of a peer', [peer, 'color=red']],
    ['a private key too short', [`private_key=${a.slice(2)}`]],
    ['a private key too long', [`private_key=${a}a1`]],
    ['a private key that is not hex', [`private_key=${a.slice(1)}g`]],
    ['an empty public key', ['public_key=']],
    ['a pre-shared key in base64', [peer, 'preshared_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']],
    ['a negative port', ['listen_port=-1']],
    ['no port', ['listen_port=']],
    ['a port with a space', ['listen_port= 1']],
    ['a port in hex', ['listen_port=0x10']],
    ['a port with CR', ['listen_port=1\r']],
    ['a mark of 33 bits', ['fwmark=4294967296']],
    ['an infinite mark', ['fwmark=1e3']],
    ['replace_peers=false', ['replace_peers=false']],
    ['update_only=1', [peer, 'update_only=1']],
    ['remove=', [peer, 'remove=']],
    ['replace_allowed_ips=TRUE', [peer, 'replace_allowed_ips=TRUE']],
    ['protocol_version=2', [peer, 'protocol_version=2']],
    ['protocol_version=0', [peer, 'protocol_version=0']],
    ['an endpoint by name', [peer, 'endpoint=localhost:1']],
    ['an endpoint without port', [peer, 'endpoint=192.0.2.1']],
    ['an endpoint with two zones', [peer, 'endpoint=[fe80::1%a%b]:1']],
    ['an IPv4 endpoint with a zone', [peer, 'endpoint=[192.0.2.1%a]:x']],
    ['a keepalive of 65536', [peer, 'persistent_keepalive_interval=65536']],
    ['a keepalive of off', [peer, 'persistent_keepalive_interval=off']],
    ['a prefix without length', [peer, 'allowed_ip=10.0.0.1']],
    ['a prefix twice removed', [peer, 'allowed_ip=--10.0.0.1/32']],
    ['no prefix', [peer, 'allowed_ip=']],
    ['a wrong value for a peer that is gone', [...gone, 'allowed_ip=x']],
  ])('%s', async (_what, lines) => {
    const target = new MemoryTarget()
    expect(await converse(target, [set(...lines)])).toBe('errno=-22\n\n')
    expect(target).toMatchObject({ listenPort: 0, fwmark: 0, privateKey: undefined })
  })
})

describe('the number tells what was wrong', () => {
  const answer = async (script: string, prepare?: (target: MemoryTarget) => void): Promise<string> => {
    const target = new MemoryTarget()
    prepare?.(target)
    return await converse(target, [script])
  }

  test('a port in use', async () => {
    const taken = answer(set('listen_port=53', 'fwmark=1'), (target) => target.taken.add(53))
    expect(await taken).toBe('errno=-98\n\n')
  })

  test('what the target says, else EIO', async () => {
    expect(
      await answer(set(`public_key=${a}`), (target) => {
        target.maximumPeers = 0
      }),
    ).toBe('errno=-12\n\n')
    const failing = (target: MemoryTarget): void => {
      target.setFwmark = () => {
        throw new TypeError('no such thing')
      }
    }
    expect(await answer(set('fwmark=1'), failing)).toBe('errno=-5\n\n')
    const explained = (target: MemoryTarget): void => {
      target.setFwmark = () => {
        throw new Error('not allowed', { cause: Object.assign(new Error('EPERM'), { code: 'EPERM' }) })
      }
    }
    expect(await answer(set('fwmark=1'), explained)).toBe('errno=-1\n\n')
  })

  test('a get that fails half-way', async () => {
    const target = await withPeers()
    Object.defineProperty(target.byKey.get(b), 'allowedIps', {
      get: () => {
        throw new Error('broken')
      },
    })
    expect(await converse(target, ['get=1\n\nget=2\n'])).toBe('errno=5\n\nerrno=71\n\n')
  })

  test.each([
    ['no key=value', 'set=1\nfwmark\n\n', 'errno=-71\n\n'],
    ['a line too long', set(`fwmark=${'0'.repeat(MAXIMUM_LINE)}`), 'errno=-71\n\n'],
    ['no operation', 'hello\nget=1\n\n', 'errno=71\n\n'],
    ['another version', 'set=2\nfwmark=1\n\n', 'errno=-71\n\n'],
    ['a get of something', 'get=1\nfwmark=1\n\n', 'errno=22\n\n'],
    ['an empty line', '\nget=1\n\n', 'errno=71\n\n'],
    ['the end within an operation', 'set=1\nfwmark=1\n', 'errno=-71\n\n'],
    ['the end within a line', 'set=1\nfwmark=1', 'errno=-71\n\n'],
    ['the end after a wrong line', 'set=1\ncolor=1\n', 'errno=-22\n\n'],
    ['the end within a get', 'get=1\n', 'errno=71\n\n'],
    ['nothing', '', ''],
  ])('%s', async (_what, script, expected) => {
    expect(await answer(script)).toBe(expected)
  })

  test('a line cut off by the end is not taken for a whole one', async () => {
    const target = new MemoryTarget()
    await converse(target, ['set=1\nfwmark=5\nlisten_port=51'])
    expect(target).toMatchObject({ fwmark: 5, listenPort: 0 })
  })
})

describe('whatever a client sends', () => {
  const key = fc.constantFrom(a, b, c, none)
  const line = fc.oneof(
    key.map((key) => `public_key=${key}`),
    key.map((key) => `private_key=${key}`),
    key.map((key) => `preshared_key=${key}`),
    fc.nat(70_000).map((port) => `listen_port=${port}`),
    fc.nat().map((mark) => `fwmark=${mark}`),
    fc.constantFrom('replace_peers', 'update_only', 'remove', 'replace_allowed_ips').map((flag) => `${flag}=true`),
    fc.ipV4().map((address) => `endpoint=${address}:51820`),
    fc.ipV6().map((address) => `endpoint=[${address}]:51820`),
    fc.tuple(fc.constantFrom('', '-'), fc.ipV4(), fc.nat(33)).map(([sign, ip, n]) => `allowed_ip=${sign}${ip}/${n}`),
    fc.nat(70_000).map((seconds) => `persistent_keepalive_interval=${seconds}`),
  )
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.array(line, { maxLength: 12 }).map((lines) => set(...lines)) },
    { weight: 1, arbitrary: fc.constant('get=1\n\n') },
  )
  const script = fc.array(operation, { maxLength: 4 }).map((operations) => Buffer.from(operations.join('')))
  const damage = fc.tuple(fc.nat(2000), fc.nat(6), fc.uint8Array({ maxLength: 6 }))
  const damaged = fc.tuple(script, fc.array(damage, { maxLength: 4 })).map(([bytes, damages]) => {
    let result = bytes
    for (const [at, count, put] of damages) {
      result = Buffer.concat([result.subarray(0, at), put, result.subarray(at + count)])
    }
    return result
  })
  const bytes = fc.oneof({ weight: 3, arbitrary: damaged }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 500 }) })
  const cuts = fc.array(fc.nat(1500), { maxLength: 8 })

  test('is answered in whole answers, and the same however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, cuts, async (bytes, cuts) => {
        const [whole, pieces] = [new MemoryTarget(), new MemoryTarget()]
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((x, y) => x - y), bytes.length]
        const answer = await converse(whole, [bytes])
        const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
        expect(await converse(pieces, chunks)).toBe(answer)
        expect(pieces.snapshot()).toEqual(whole.snapshot())
        expect(answer).toMatch(/^(?:(?:[a-z_]+=\S+\n)*errno=-?\d+\n\n)*$/)
        if (bytes.length > 0) expect(answer).not.toBe('')
      }),
      { numRuns: 1500 },
    )
  })

  test('no byte of it can be cut wrongly', async () => {
    const script = Buffer.from(`${set(`private_key=${c}`, peer, 'endpoint=192.0.2.1:1', 'allowed_ip=::/0')}get=1\n\n`)
    const whole = await converse(new MemoryTarget(), [script])
    expect(whole).toContain('allowed_ip=::/0')
    for (let cut = 0; cut <= script.length; cut++) {
      const target = new MemoryTarget()
      expect(await converse(target, [script.subarray(0, cut), script.subarray(cut)])).toBe(whole)
    }
  })

  test('no key is logged', async () => {
    const logged: unknown[] = []
    const log = (fields: object, message: string): void => void logged.push(fields, message)
    const logger = { debug: log, info: log, warn: log, error: log }
    const secrets = [`private_key=${a}x`, `private_key${a}`, `${a}=${a}`, `public_key=${b}\npreshared_key=${a}${a}`]
    for (const secret of secrets) await converse(new MemoryTarget(), [set(secret)], logger)
    await converse(new MemoryTarget(), [`set=1\nprivate_key=${a}`], logger)
    const everything = logged.map((one) =>
      JSON.stringify(one, (_, value) => (value instanceof Error ? `${value.stack}` : value)),
    )
    expect(logged.length).toBe(8)
    expect(everything.join('\n')).not.toContain(a.slice(0, 8))
    expect(everything.join('\n')).toContain('private_key: expected 64 hex digits')
  })
})

test('130,560 allowed IPs, in and out', async () => {
  const lines = [peer]
  for (let i = 0; i < 65_280; i++) {
    lines.push(`allowed_ip=10.${i >> 8}.${i & 255}.0/24`, `allowed_ip=fd00:${(i + 1).toString(16)}:1::/48`)
  }
  const script = Buffer.from(`set=1\n${lines.join('\n')}\n\n`)
  const chunks: Buffer[] = []
  for (let at = 0; at < script.length; at += 65_536) chunks.push(script.subarray(at, at + 65_536))
  let count = 0
  const target = new MemoryTarget()
  target.addAllowedIp = () => void count++
  const began = performance.now()
  expect(await converse(target, chunks)).toBe('errno=0\n\n')
  const setTime = performance.now() - began
  expect(count).toBe(130_560)

  const full = new MemoryTarget()
  await converse(full, chunks)
  const from = performance.now()
  const answer = await converse(full, ['get=1\n\n'])
  const getTime = performance.now() - from
  expect(
    answer
      .split('\n')
      .filter((line) => line.startsWith('allowed_ip='))
      .sort(),
  ).toEqual(lines.slice(1).sort())
  expect(setTime).toBeLessThan(1000)
  expect(getTime).toBeLessThan(1000)
})
