import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { HOST_SUPER_PACKETS, type IpPacket, type Layer, type RunningStack, stack } from '@millrace/core'
import { tun } from '@millrace/layer-tun'
import { canEnterNetworkNamespace, enterNetworkNamespace, type NetworkNamespace } from '@millrace/native/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NetstackServer } from './support/netstack-server.ts'
import { streamHash } from './support/pattern.ts'

const runnable = existsSync('/dev/net/tun') && existsSync('/usr/sbin/nft') && canEnterNetworkNamespace()
const SIZE = 20_000_000

/** The kernel's TCP in a process of its own: uploads the stream, hashes what comes back. */
const CLIENT = `
  const { createHash } = require('node:crypto')
  const { connect } = require('node:net')
  const [, address, size] = process.argv
  const hash = createHash('sha256')
  let received = 0
  const started = performance.now()
  const socket = connect({ host: address, port: 5000, allowHalfOpen: true }, () => {
    let sent = 0
    const more = () => {
      while (sent < size) {
        const piece = Buffer.alloc(Math.min(65536, size - sent))
        for (let i = 0; i < piece.length; i++) piece[i] = Math.imul((sent + i) ^ ((sent + i) >>> 8), 0x9e3779b1) >>> 24
        sent += piece.length
        if (!socket.write(piece)) return socket.once('drain', more)
      }
      socket.end()
    }
    more()
  })
  socket.on('data', (data) => { hash.update(data); received += data.length })
  socket.on('end', () => console.log(JSON.stringify({ received, hash: hash.digest('hex'), milliseconds: Math.round(performance.now() - started) })))
  socket.on('error', (error) => console.log(JSON.stringify({ error: String(error) })))
`

describe.skipIf(!runnable)('TCP with the Linux kernel as its peer (needs root, /dev/net/tun, nft)', () => {
  let namespace: NetworkNamespace

  beforeAll(() => {
    namespace = enterNetworkNamespace()
  })
  afterAll(() => namespace.leave())

  const asking: Layer<IpPacket> = {
    layer: (inner) => inner,
    start: (context) => context.require(HOST_SUPER_PACKETS, 'a stack takes super-packets').enable(),
  }

  /** One packet in a hundred is lost, both ways. */
  function loseSome(interfaceName: string): void {
    execFileSync('ip', ['link', 'set', interfaceName, 'gso_max_segs', '1'])
    const rules = `table ip lossy {
      chain in { type filter hook input priority 0; iifname "${interfaceName}" numgen random mod 100 < 1 counter drop; }
      chain out { type filter hook output priority 0; oifname "${interfaceName}" numgen random mod 100 < 1 counter drop; }
    }`
    execFileSync('nft', ['-f', '-'], { input: rules })
  }

  /** How many the rules have dropped. */
  function lostPackets(): number {
    const ruleset = execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' })
    return [...ruleset.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  }

  async function transfer(server: NetstackServer, address: string): Promise<Record<string, unknown>> {
    const child = spawn(process.execPath, ['-e', CLIENT, address, String(SIZE)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const timeout = setTimeout(() => child.kill('SIGKILL'), 50_000)
    await once(child, 'close')
    clearTimeout(timeout)
    for (let turn = 0; turn < 100_000 && server.cause === undefined; turn++)
      await new Promise((next) => setImmediate(next))
    return JSON.parse(output || '{}')
  }

  test.each([
    ['10.7.0.2', false],
    ['fd07::2', false],
    ['10.7.0.3', true],
  ])('20 MB each way with %s arrive, loss: %s', async (address, isLossy) => {
    const server = new NetstackServer(SIZE)
    const end = tun({ addresses: ['10.7.0.1/24', 'fd07::1/64'], offload: !isLossy })
    const running: RunningStack = await stack(server).layer(asking).end(end).start()
    try {
      if (isLossy) loseSome(end.interfaceName)
      const answer = await transfer(server, address)
      const expected = streamHash(SIZE)
      expect(answer).toMatchObject({ received: SIZE, hash: expected })
      expect([server.receivedBytes, server.received.digest('hex')]).toEqual([SIZE, expected])
      expect(server.cause).toBe('finished')
      if (!isLossy) expect(server.superPackets).toBeGreaterThan(100)
      else expect(lostPackets()).toBeGreaterThan(50)
      expect(running.pool.inUse).toBe(0)
    } finally {
      await running.stop()
    }
  })
})
