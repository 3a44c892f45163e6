import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MILLRACE_WG, socketOf, WgDaemon } from './support/millrace-wg.ts'
import { cable, missingForNamespaces, Namespace, needs } from './support/netns.ts'
import { keyPair } from './support/scenario-end.ts'

const missing = missingForNamespaces('wg', 'wg-quick', 'wireguard-go', 'nft', 'ping', 'curl')
const WITHIN = { timeout: 10_000, interval: 20 }
const name = `mq${process.pid}`
const peer = `mp${process.pid}`
const MEBIBYTE = 1 << 20
/** Somewhere on the Internet. */
const FAR = ['198.51.100.1', '2001:db8:99::1'] as const

/** Serves one file, and says to whom. */
const SERVER = `
  const body = Buffer.alloc(${4 * MEBIBYTE}, (_ => 'millrace')(0))
  require('node:http').createServer((request, response) => {
    console.log('from', request.socket.remoteAddress)
    response.end(body)
  }).listen(80, '::', () => console.log('ready'))`
const DIGEST = createHash('sha256')
  .update(Buffer.alloc(4 * MEBIBYTE, 'millrace'))
  .digest('hex')

describe.skipIf(missing.length > 0)(`wg-quick with millrace-wg, peer wireguard-go${needs(missing)}`, () => {
  let client: Namespace
  let server: Namespace
  let folder: string
  let configuration: string
  let wrapper: string
  beforeEach(() => {
    client = new Namespace('client')
    server = new Namespace('server')
    folder = mkdtempSync(join(tmpdir(), 'millrace-'))
    configuration = join(folder, `${name}.conf`)
    wrapper = join(folder, 'millrace-wg')
    writeFileSync(wrapper, `#!/bin/sh\nexec "${process.execPath}" "${MILLRACE_WG}" "$@"\n`)
    chmodSync(wrapper, 0o755)
  })
  afterEach(async () => {
    await client.remove()
    await server.remove()
    for (const each of [name, peer]) rmSync(socketOf(each), { force: true })
    rmSync(folder, { recursive: true })
  })

  const wgQuick = (action: 'up' | 'down'): Promise<string> =>
    client.exec('env', `WG_QUICK_USERSPACE_IMPLEMENTATION=${wrapper}`, 'wg-quick', action, configuration)
  /** All that wg-quick changes. */
  const state = (): string =>
    [
      ['ip', '-br', 'link'],
      ['ip', 'rule'],
      ['ip', '-6', 'rule'],
      ['ip', 'route', 'show', 'table', 'all'],
      ['nft', 'list', 'ruleset'],
    ]
      .map((command) => client.run(...command))
      .join('\n')

  test('a full tunnel, up and down and up again', async () => {
    cable(client, 'c0', ['10.77.0.2/24', 'fd77::2/64'], server, 's0', ['10.77.0.1/24', 'fd77::1/64'])
    client.run('ip', 'route', 'add', 'default', 'via', '10.77.0.1')
    client.run('ip', '-6', 'route', 'add', 'default', 'via', 'fd77::1')
    server.run('ip', 'address', 'add', `${FAR[0]}/32`, 'dev', 'lo')
    server.run('ip', 'address', 'add', `${FAR[1]}/128`, 'dev', 'lo', 'nodad')
    const keys = { client: keyPair(), server: keyPair() }
    const privateKey = join(folder, 'server.key')
    writeFileSync(privateKey, keys.server.privateKey, { mode: 0o600 })
    await server.exec('wireguard-go', peer)
    const allowed = ['peer', keys.client.publicKey, 'allowed-ips', '10.78.0.2/32,fd78::2/128']
    server.run('wg', 'set', peer, 'listen-port', '51820', 'private-key', privateKey, ...allowed)
    server.run('ip', 'address', 'add', '10.78.0.1/24', 'dev', peer)
    server.run('ip', 'address', 'add', 'fd78::1/64', 'dev', peer, 'nodad')
    server.run('ip', 'link', 'set', peer, 'up')
    const http = server.start('node', '-e', SERVER)
    await http.printed(/ready/)
    writeFileSync(
      configuration,
      `[Interface]
PrivateKey = ${keys.client.privateKey}
Address = 10.78.0.2/24, fd78::2/64
[Peer]
PublicKey = ${keys.server.publicKey}
Endpoint = 10.77.0.1:51820
AllowedIPs = 0.0.0.0/0, ::/0
PersistentKeepalive = 25
`,
    )

    const before = state()
    for (let round = 0; round < 2; round++) {
      const others = new Set(client.pids)
      await wgQuick('up')
      const daemon = WgDaemon.running(name, client, others)
      expect(daemon.show('fwmark')).toBe('0xca6c')
      expect(client.run('ip', 'link', 'show', name)).toContain('mtu 1420')
      // The keepalive brings the session up by itself.
      await expect.poll(() => daemon.show('latest-handshakes'), WITHIN).toMatch(/\t[1-9]\d+$/)
      for (const [address, inner] of [[FAR[0], '10.78.0.2'] as const, [FAR[1], 'fd78::2'] as const]) {
        expect(await client.exec('ping', '-n', '-c', '2', '-i', '0.05', '-W', '2', address)).toContain('2 received')
        const url = address.includes(':') ? `http://[${address}]/` : `http://${address}/`
        const sum = await client.exec('sh', '-c', `curl -gsSf --max-time 20 '${url}' | sha256sum`)
        expect(sum.split(' ')[0]).toBe(DIGEST)
        expect(http.stdout.trim().split('\n').at(-1)).toMatch(new RegExp(`from (::ffff:)?${inner}$`))
      }
      const [, received, sent] = daemon.show('transfer').split('\t').map(Number)
      expect(received).toBeGreaterThan(2 * 4 * MEBIBYTE)
      expect(sent).toBeGreaterThan(0)
      await wgQuick('down')
      await daemon.ended()
      expect(state()).toBe(before)
    }
  })
})
