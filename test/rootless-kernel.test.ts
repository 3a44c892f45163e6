import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cable, missingForNamespaces, Namespace, needs, type Program } from './support/netns.ts'

const ROOTLESS_END = fileURLToPath(new URL('support/rootless-end.mjs', import.meta.url))
const SERVER = fileURLToPath(new URL('support/outside-server.mjs', import.meta.url))
const UDP_CLIENT = fileURLToPath(new URL('support/udp-client.mjs', import.meta.url))

const HOST = '198.51.100.1'
const STATIC_IP = '198.51.100.99'
const WEB = '198.51.100.7'
const SIZE = 100 * 1024 * 1024

/** Takes what comes until its end, and answers with the hash of it. */
const SINK = `
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    const hash = require('node:crypto').createHash('sha256')
    socket.on('data', (data) => hash.update(data)).on('end', () => socket.end(hash.digest('hex')))
  }).listen(9000, '${WEB}', () => console.log('ready'))`
/** Sends a pattern and prints what it is answered. */
const UPLOAD = `
  const piece = Buffer.alloc(1024 * 1024, 'all the bytes of it ')
  const socket = require('node:net').connect({ host: '${WEB}', port: 9000, allowHalfOpen: true })
  let left = ${SIZE} / piece.length
  const more = () => {
    while (left-- > 0) if (!socket.write(piece)) return socket.once('drain', more)
    socket.end()
  }
  socket.once('connect', more)
  socket.pipe(process.stdout)`
/** Prints what becomes of a connection. */
const ATTEMPT = `
  const [, host, port] = process.argv
  const socket = require('node:net').connect({ host, port: Number(port) })
  socket.on('connect', () => { process.stdout.write('connected'); socket.destroy() })
  socket.on('error', ({ code }) => process.stdout.write(code))`

const missing = missingForNamespaces('curl', 'ping')

describe.skipIf(missing.length > 0)(`the rootless end, with a kernel as its client${needs(missing)}`, () => {
  let client: Namespace
  let host: Namespace
  let server: Namespace
  let web: Program
  let rootless: Program

  beforeAll(async () => {
    client = new Namespace('client')
    host = new Namespace('host')
    server = new Namespace('server')
    cable(host, 'inside0', [`${HOST}/24`, `${STATIC_IP}/24`], server, 'eth0', [`${WEB}/24`])
    host.run('sysctl', '-qw', 'net.ipv4.ping_group_range=0 0')
    web = server.start('node', SERVER, WEB, 'seed')
    const sink = server.start('node', '-e', SINK)
    rootless = host.start('node', ROOTLESS_END, 'inner0', STATIC_IP, '10.77.0.1')
    await Promise.all([web.printed(/ready/), sink.printed(/ready/), rootless.printed(/ready/)])
    host.run('ip', 'link', 'set', 'inner0', 'netns', client.name)
    client.run('ip', 'address', 'add', '10.77.0.2/24', 'dev', 'inner0')
    client.run('ip', 'link', 'set', 'inner0', 'up')
    client.run('ip', 'route', 'add', 'default', 'dev', 'inner0')
  }, 60_000)
  afterAll(async () => {
    for (const namespace of [client, host, server]) await namespace.remove()
  })

  test('100 MB come down and go up whole', async () => {
    const sha256 = 'sha256sum | cut -d " " -f 1'
    const url = `http://${WEB}/${SIZE}`
    const direct = await server.exec('sh', '-c', `curl -sS --fail ${url} | ${sha256}`)
    expect(await client.exec('sh', '-c', `curl -sS --fail --max-time 60 ${url} | ${sha256}`)).toBe(direct)
    const sent = createHash('sha256')
    const piece = Buffer.alloc(1024 * 1024, 'all the bytes of it ')
    for (let i = 0; i < SIZE / piece.length; i++) sent.update(piece)
    expect(await client.exec('node', '-e', UPLOAD)).toBe(sent.digest('hex'))
  }, 120_000)

  test('datagrams small and large, and pings, are answered', async () => {
    expect(await client.exec('node', UDP_CLIENT, WEB, '100', '100')).toBe('100\n')
    expect(await client.exec('node', UDP_CLIENT, WEB, '10', '5000')).toBe('10\n')
    expect(await client.exec('ping', '-c', '3', '-i', '0.2', '-W', '2', WEB)).toContain('3 received')
    expect(await client.exec('ping', '-c', '1', '-W', '2', '10.77.0.1')).toContain('1 received')
  }, 60_000)

  test('what is closed is refused at once, and what is forbidden is unreachable', async () => {
    const places = [`${WEB}:81`, `${HOST}:22`, '10.1.2.3:80', '169.254.169.254:80']
    const codes = await Promise.all(places.map((place) => client.exec('node', '-e', ATTEMPT, ...place.split(':'))))
    expect(codes).toEqual(['ECONNREFUSED', 'EHOSTUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH'])
  }, 60_000)

  test('the server sees the static address alone, and in the end nothing is left', async () => {
    const seen = web.stdout
      .trim()
      .split('\n')
      .filter((line) => line !== 'ready' && line !== `http ${WEB}`)
    expect([...new Set(seen)].sort()).toEqual([`http ${STATIC_IP}`, `udp ${STATIC_IP}`])
    expect(await rootless.stop()).toBe(0)
    expect(JSON.parse(rootless.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ held: 0 })
  }, 30_000)
})
