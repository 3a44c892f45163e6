import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bind, CLOCK, ConfigurationError, EnvironmentError, RANDOM, runtimeWith } from '@millrace/core'
import { SeededRandom, SimulatedNetwork, VirtualClock } from '@millrace/core/testing'
import { generatePrivateKey, parseConfig } from '@millrace/layer-wireguard'
import { afterEach, describe, expect, test } from 'vitest'
import { connect } from '../index.ts'
import { temporaryDirectory } from '../testing/directory.ts'
import { startTunnelWorld, type TunnelWorld } from '../testing/tunnel-world.ts'
import type { TunnelOptions } from './configuration.ts'

let far: TunnelWorld | undefined
afterEach(async () => {
  await far?.running.stop()
  far = undefined
})

/** The same as wg-quick writes it. */
function textOf({ privateKey, addresses, peers }: TunnelOptions): string {
  const [peer] = peers
  return [
    '[Interface]',
    `PrivateKey = ${privateKey}`,
    `Address = ${addresses.join(', ')}`,
    'PostUp = touch /tmp/never',
    '[Peer]',
    `PublicKey = ${peer?.publicKey}`,
    `Endpoint = ${peer?.endpoint}`,
    `AllowedIPs = ${peer?.allowedIps.join(', ')}`,
    '',
  ].join('\n')
}

describe('a configuration', () => {
  test('is options, text, a path, or what parseConfig gives', async () => {
    far = await startTunnelWorld()
    const { configuration } = far
    const text = textOf(configuration)
    const directory = temporaryDirectory()
    try {
      const path = join(directory.path, 'client.conf')
      writeFileSync(path, text)
      for (const form of [configuration, text, path, parseConfig(text)]) {
        const tunnel = await connect(form)
        expect(tunnel.addresses).toEqual(['10.8.0.2', 'fd08::2'])
        expect(tunnel.peers.list()).toMatchObject([{ isUp: true, persistentKeepalive: 0 }])
        await tunnel.close()
        expect(tunnel.stack.pool.inUse).toBe(0)
      }
    } finally {
      directory.remove()
    }
  })

  const key = generatePrivateKey()
  const peer = { publicKey: generatePrivateKey(), allowedIps: ['10.0.0.0/8'] }
  test.each([
    ['/nowhere/client.conf', 'tunnel: cannot read the configuration /nowhere/client.conf (ENOENT)'],
    [`[Interface]\nPrivateKey = ${key}\n`, 'tunnel: expected an Address in [Interface], got none'],
    [`[Interface]\nPrivateKey = ${key}\nAddress = 10.0.0.2\n`, 'tunnel: expected a [Peer], got none'],
    [{ privateKey: key, addresses: ['10.0.0.2'], peers: [] }, 'tunnel peers: expected at least one'],
    [
      { privateKey: key, addresses: ['10.0.0.2'], peers: [{ publicKey: key, allowedIps: [] }], dns: ['dns.example'] },
      'tunnel dns: expected an IPv4 or IPv6 address, got "dns.example"',
    ],
    [
      { privateKey: key, addresses: [], peers: [peer] },
      'netstack addresses: expected at least one, as "10.0.0.2", got none',
    ],
  ])('that cannot be is refused: %j', async (configuration, message) => {
    await expect(connect(configuration)).rejects.toThrow(new ConfigurationError(message))
  })
})

describe('readiness', () => {
  test('without an endpoint there is nothing to wait for', async () => {
    far = await startTunnelWorld()
    const [peer] = far.configuration.peers
    const { endpoint: _, ...silent } = peer!
    const tunnel = await connect({ ...far.configuration, peers: [silent] })
    expect(tunnel.peers.list()).toMatchObject([{ isUp: false }])
    await tunnel.close()
  })

  test('who does not answer is named, and nothing is left', async () => {
    const clock = new VirtualClock()
    const network = new SimulatedNetwork()
    const runtime = runtimeWith(bind(CLOCK, clock), bind(RANDOM, new SeededRandom(1)))
    const peer = { publicKey: generatePrivateKey(), allowedIps: ['10.0.0.0/8'], endpoint: '192.0.2.9:51820' }
    const configuration = { privateKey: generatePrivateKey(), addresses: ['10.0.0.2'], peers: [peer] }
    let sent = 0
    network.eavesdrop = () => void sent++
    const failed = connect(configuration, { runtime, wire: network.udp('192.0.2.1:1'), timeout: 7000 }).catch(
      (error) => error,
    )
    let isOver = false
    void failed.then(() => {
      isOver = true
    })
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(sent === 0 ? 1 : 100)
    }
    const error = await failed
    expect(error).toBeInstanceOf(EnvironmentError)
    expect(error.message).toMatch(/^tunnel: no handshake with 192\.0\.2\.9:51820 within 7 s; check /)
    // One at once, one after five seconds.
    expect(sent).toBe(2)
    clock.advance(100_000)
    expect(sent).toBe(2)
  })

  test('a signal ends the waiting, or the tunnel', async () => {
    far = await startTunnelWorld()
    const [peer] = far.configuration.peers
    const deaf = { ...far.configuration, peers: [{ ...peer!, publicKey: generatePrivateKey() }] }
    const abort = new AbortController()
    const waiting = connect(deaf, { signal: abort.signal })
    setImmediate(() => abort.abort(new Error('enough')))
    await expect(waiting).rejects.toThrow('enough')
    const later = new AbortController()
    const tunnel = await connect(far.configuration, { signal: later.signal })
    later.abort()
    await tunnel.stack.stopped
    expect(tunnel.stack.pool.inUse).toBe(0)
  })
})

test('a gateway that vanishes ends what is open with ETIMEDOUT', async () => {
  const clock = new VirtualClock()
  const network = new SimulatedNetwork({ delay: 10 })
  const runtime = runtimeWith(bind(CLOCK, clock), bind(RANDOM, new SeededRandom(1)))
  far = await startTunnelWorld({ wire: network.udp('192.0.2.1:51820'), runtime, endpoint: '192.0.2.1:51820' })
  const passing = async (until: () => boolean): Promise<void> => {
    for (let i = 0; i < 2000 && !until(); i++) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(100)
    }
    expect(until()).toBe(true)
  }
  let tunnel: Awaited<ReturnType<typeof connect>> | undefined
  void connect(far.configuration, { runtime, wire: network.udp('198.51.100.1:9'), tcp: { userTimeout: 60_000 } }).then(
    (opened) => {
      tunnel = opened
    },
  )
  await passing(() => tunnel !== undefined)
  far.host.listen({ port: 80 }, (socket) => void socket.on('error', () => {}))
  const socket = tunnel!.connect(80, '10.8.0.1')
  let code = ''
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code ?? ''
  })
  await passing(() => socket.readyState === 'open')
  network.conditions = { ...network.conditions, loss: 1 }
  socket.write('anybody there?')
  await passing(() => socket.destroyed)
  expect(code).toBe('ETIMEDOUT')
  const stopped = tunnel!.close()
  await passing(() => tunnel!.stack.pool.inUse === 0)
  await stopped
})
