import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const CLI = fileURLToPath(new URL('../packages/millrace/dist/cli/main.js', import.meta.url))
const FETCH = fileURLToPath(new URL('./support/fetch-through-gateway.mjs', import.meta.url))

/** Of this machine, and not loopback, where no tunnel leads. */
const own = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

/** A UDP port that is free now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp6').bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

test.skipIf(own === undefined)(
  'two processes and no privileges: a gateway, and a fetch through it (needs an IPv4 address besides loopback)',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-two-'))
    const seen: (string | undefined)[] = []
    const server = createServer((request, response) => {
      seen.push(request.socket.remoteAddress)
      response.end('hello through the tunnel')
    }).listen(0, own)
    await once(server, 'listening')
    const options = ['--listen', String(await freePort()), '--public', '127.0.0.1', '--egress-ip', `${own}`]
    const state = ['--state', join(directory, 'state'), '--allow', `${own}/32`, '--json']
    const gateway = spawn(process.execPath, [CLI, 'gateway', ...options, ...state], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    try {
      const [line] = (await once(gateway.stdout, 'data')) as [Buffer]
      const { firstPeer } = JSON.parse(line.toString()) as { firstPeer: { config: string } }
      const url = `http://${own}:${(server.address() as AddressInfo).port}/`
      const program = spawn(process.execPath, [FETCH, url], { stdio: ['pipe', 'pipe', 'inherit'] })
      program.stdin.end(firstPeer.config)
      expect(await text(program.stdout)).toBe('hello through the tunnel\n')
      expect(seen).toEqual([own])
    } finally {
      gateway.kill('SIGTERM')
      await once(gateway, 'exit')
      server.close()
      rmSync(directory, { recursive: true })
    }
  },
)
