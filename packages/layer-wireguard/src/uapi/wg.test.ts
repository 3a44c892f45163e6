import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from '../keys.ts'
import { serveUapi, type UapiServer } from './server.ts'
import { MemoryTarget } from './testing/memory-target.ts'

const run = promisify(execFile)
const name = `mr${process.pid}`
const [privateKey, presharedKey] = [generatePrivateKey(), generatePresharedKey()]
const [a, b, c] = Array.from({ length: 3 }, () => publicKeyOf(generatePrivateKey())) as [string, string, string]
const hex = (key: string): string => Buffer.from(key, 'base64').toString('hex')

function canRunWg(): boolean {
  try {
    execFileSync('wg', ['--version'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

// `wg` looks in /var/run/wireguard only.
describe.skipIf(!canRunWg())('stock wg (needs root and wg)', () => {
  let folder: string
  let target: MemoryTarget
  let server: UapiServer

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-'))
    writeFileSync(join(folder, 'private'), `${privateKey}\n`)
    writeFileSync(join(folder, 'psk'), `${presharedKey}\n`)
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  beforeEach(async () => {
    target = new MemoryTarget()
    server = await serveUapi({ name, target })
  })
  afterEach(() => server.close())

  const wg = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('wg', args, { maxBuffer: 1 << 26, env: { ...process.env, WG_COLOR_MODE: 'never' } })
    return stdout
  }
  const failure = async (...args: readonly string[]): Promise<string> => {
    const error: unknown = await wg(...args).catch((error: unknown) => error)
    const { code, stderr } = error as { readonly code: number; readonly stderr: string }
    return `${code} ${stderr}`
  }
  const file = (text: string): string => {
    const path = join(folder, 'conf')
    writeFileSync(path, text)
    return path
  }
  const configured = async (): Promise<void> => {
    const first = ['peer', a, 'preshared-key', join(folder, 'psk'), 'endpoint', '192.0.2.1:51821']
    const more = ['persistent-keepalive', '25', 'allowed-ips', '10.0.0.0/8,fd00::/64', 'peer', b]
    const device = ['listen-port', '51820', 'fwmark', '0x1234', 'private-key', join(folder, 'private')]
    await wg('set', name, ...device, ...first, ...more, 'endpoint', '[2001:db8::1]:1', 'allowed-ips', '10.1.0.0/16')
  }

  test('set', async () => {
    await configured()
    expect(target.snapshot()).toEqual({
      privateKey: hex(privateKey),
      listenPort: 51_820,
      fwmark: 0x1234,
      peers: {
        [hex(a)]: {
          presharedKey: hex(presharedKey),
          endpoint: '192.0.2.1:51821',
          persistentKeepalive: 25,
          allowedIps: ['10.0.0.0/8', 'fd00::/64'],
        },
        [hex(b)]: {
          presharedKey: '0'.repeat(64),
          endpoint: '[2001:db8::1]:1',
          persistentKeepalive: 0,
          allowedIps: ['10.1.0.0/16'],
        },
      },
    })
    await wg('set', name, 'fwmark', 'off', 'peer', a, 'remove', 'peer', b, 'persistent-keepalive', '7')
    expect(target.fwmark).toBe(0)
    expect([...target.byKey.keys()]).toEqual([hex(b)])
    expect(target.byKey.get(hex(b))).toMatchObject({ persistentKeepalive: 7 })
  })

  test('show, dump and its single columns', async () => {
    await configured()
    const peer = target.byKey.get(hex(a)) as { latestHandshake: number; sentBytes: number; receivedBytes: number }
    Object.assign(peer, { latestHandshake: Date.now() - 65_000, sentBytes: 3 << 20, receivedBytes: 2 ** 53 - 1 })
    const seconds = Math.floor(peer.latestHandshake / 1000)
    expect(await wg('show', name, 'dump')).toBe(
      [
        [privateKey, publicKeyOf(privateKey), '51820', '0x1234'],
        [a, presharedKey, '192.0.2.1:51821', '10.0.0.0/8,fd00::/64', seconds, 2 ** 53 - 1, 3 << 20, 25],
        [b, '(none)', '[2001:db8::1]:1', '10.1.0.0/16', 0, 0, 0, 'off'],
      ]
        .map((row) => `${row.join('\t')}\n`)
        .join(''),
    )
    expect(await wg('show', name, 'fwmark')).toBe('0x1234\n')
    expect(await wg('show', name, 'allowed-ips')).toBe(`${a}\t10.0.0.0/8 fd00::/64\n${b}\t10.1.0.0/16\n`)
    expect((await wg('show', 'interfaces')).split(/\s+/)).toContain(name)
    const text = await wg('show', name)
    expect(text).toContain(`interface: ${name}\n  public key: ${publicKeyOf(privateKey)}\n  private key: (hidden)`)
    expect(text).toMatch(/latest handshake: 1 minute, \d+ seconds? ago/)
    expect(text).toContain('persistent keepalive: every 25 seconds')
  })

  test('a device of which nothing is set', async () => {
    expect(await wg('show', name, 'dump')).toBe('(none)\t(none)\t0\toff\n')
    expect(await wg('showconf', name)).toBe('[Interface]\n\n')
  })

  test('what showconf prints, setconf takes', async () => {
    await configured()
    const before = target.snapshot()
    const conf = await wg('showconf', name)
    await wg('set', name, 'listen-port', '1', 'peer', c, 'allowed-ips', '10.0.0.0/8')
    expect(target.snapshot()).not.toEqual(before)
    await wg('setconf', name, file(conf))
    expect(target.snapshot()).toEqual(before)
  })

  test('addconf adds', async () => {
    await configured()
    await wg('addconf', name, file(`[Peer]\nPublicKey = ${c}\nAllowedIPs = 10.0.0.0/8, 10.2.0.0/16\n`))
    expect([...target.byKey.keys()]).toEqual([hex(a), hex(b), hex(c)])
    expect([...(target.byKey.get(hex(a))?.prefixes.keys() ?? [])]).toEqual(['fd00::/64'])
    expect([...(target.byKey.get(hex(c))?.prefixes.keys() ?? [])]).toEqual(['10.0.0.0/8', '10.2.0.0/16'])
  })

  test('syncconf leaves what stays and removes the rest', async () => {
    await configured()
    const kept = target.byKey.get(hex(a))
    const interfaceLines = `[Interface]\nPrivateKey = ${privateKey}\nListenPort = 51820\n`
    const peers = `[Peer]\nPublicKey = ${a}\nAllowedIPs = 10.9.0.0/16\n[Peer]\nPublicKey = ${c}\n`
    await wg('syncconf', name, file(interfaceLines + peers))
    expect([...target.byKey.keys()]).toEqual([hex(a), hex(c)])
    expect(target.byKey.get(hex(a))).toBe(kept)
    expect([...(kept?.prefixes.keys() ?? [])]).toEqual(['10.9.0.0/16'])
  })

  test('what cannot be done, wg says in its own words', async () => {
    target.taken.add(53)
    expect(await failure('set', name, 'listen-port', '53')).toBe(
      '1 Unable to modify interface: Address already in use\n',
    )
    target.setFwmark = () => {
      throw Object.assign(new Error('setsockopt'), { code: 'EPERM' })
    }
    expect(await failure('set', name, 'fwmark', '1')).toBe('1 Unable to modify interface: Operation not permitted\n')
    Object.defineProperty(target, 'peers', { value: { [Symbol.iterator]: () => undefined } })
    expect(await failure('show', name)).toBe('1 Unable to access interface: Input/output error\n')
  })

  test('130,560 allowed IPs, in and out', async () => {
    const prefixes: string[] = []
    for (let i = 0; i < 65_280; i++) {
      prefixes.push(`10.${i >> 8}.${i & 255}.0/24`, `fd00:${(i + 1).toString(16)}:1::/48`)
    }
    const lines = prefixes.map((prefix) => `AllowedIPs = ${prefix}\n`)
    const from = performance.now()
    await wg(
      'setconf',
      name,
      file(`[Interface]\nPrivateKey = ${privateKey}\n[Peer]\nPublicKey = ${a}\n${lines.join('')}`),
    )
    const between = performance.now()
    const shown = await wg('show', name, 'allowed-ips')
    const end = performance.now()
    expect(new Set(shown.trim().split(/\s/))).toEqual(new Set([a, ...prefixes]))
    // With wg's own work and that of the target in it.
    expect(between - from).toBeLessThan(5000)
    expect(end - between).toBeLessThan(5000)
  })
})
