import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CERTIFICATE, CERTIFICATE_KEY } from '../packages/millrace/src/testing/certificate.ts'
import { temporaryDirectory } from '../packages/millrace/src/testing/directory.ts'
import { NameServer } from '../packages/millrace/src/testing/name-server.ts'
import { FAR, FAR6, startTunnelWorld, type TunnelWorld } from '../packages/millrace/src/testing/tunnel-world.ts'
import { ProxyProcess, runWith } from './support/proxy-process.ts'

const hasCurl = spawnSync('curl', ['--version']).status === 0
const SIZE = 2_000_000
const body = randomBytes(SIZE)
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let far: TunnelWorld
let names: NameServer
let directory: ReturnType<typeof temporaryDirectory>
let file: string
/** Where the last connection to a far server came from. */
let client: string | undefined
const closers: (() => unknown)[] = []

/** The near end's configuration, as wg-quick has it. */
function configurationText(endpoint: string): string {
  const { privateKey, addresses, peers } = far.configuration
  const [peer] = peers
  return `[Interface]
PrivateKey = ${privateKey}
Address = ${addresses.join(', ')}
DNS = ${FAR}
[Peer]
PublicKey = ${peer?.publicKey}
Endpoint = ${endpoint}
AllowedIPs = ${peer?.allowedIps.join(', ')}
`
}

beforeAll(async () => {
  far = await startTunnelWorld()
  names = new NameServer(far.host, {
    records: {
      'far.example A': [{ type: 'A', name: 'far.example', ttl: 60, data: FAR }],
      'far.example AAAA': [{ type: 'AAAA', name: 'far.example', ttl: 60, data: FAR6 }],
    },
  })
  const handler: http.RequestListener = async (request, response) => {
    const sent = await buffer(request)
    response.setHeader('x-seen', `${request.method} ${request.url} ${request.headers.host} ${sha256(sent)}`)
    response.end(body)
  }
  const servers = [
    [80, http.createServer(handler)],
    [443, https.createServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, handler)],
  ] as const
  for (const [port, server] of servers) {
    far.host.listen({ port, allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {})
      client = socket.remoteAddress
      server.emit('connection', socket)
    })
  }
  const echo = far.host.bind({ port: 7 })
  echo.on('message', (bytes: Buffer, from: { readonly address: string; readonly port: number }) => {
    echo.send(Buffer.concat([Buffer.from('re: '), bytes]), from.port, from.address)
  })
  directory = temporaryDirectory()
  file = join(directory.path, 'client.conf')
  writeFileSync(file, configurationText(far.configuration.peers[0]?.endpoint ?? ''))
  writeFileSync(join(directory.path, 'ca.pem'), CERTIFICATE)
})

afterAll(async () => {
  for (const close of closers.reverse()) await close()
  await far.running.stop()
  expect(far.running.pool.inUse).toBe(0)
  directory.remove()
})

/** Everything a proxy can do, with free ports, and where each part listens. */
async function startEverything(): Promise<{
  readonly proxy: ProxyProcess
  readonly ports: Readonly<Record<string, number>>
}> {
  const local = http.createServer((_, response) => void response.end('from here')).listen(0, '127.0.0.1')
  await once(local, 'listening')
  const localUdp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(localUdp, 'listening')
  localUdp.on('message', (bytes, { port, address }) => localUdp.send(`local ${bytes}`, port, address))
  closers.push(
    () => local.close(),
    () => localUdp.close(),
  )
  const { port: localPort } = local.address() as AddressInfo
  const servers = ['--socks5', '0', '--http', '127.0.0.1:0']
  const forwards = ['--forward', `0=${FAR}:80`, '--forward', 'udp:[::1]:0=far.example:7']
  const exposures = [
    '--expose',
    `8000=127.0.0.1:${localPort}`,
    '--expose',
    `udp:10.8.0.2:8001=${localUdp.address().port}`,
  ]
  const proxy = new ProxyProcess(file, ...servers, ...forwards, ...exposures, '--json')
  closers.push(() => proxy.kill('SIGKILL'))
  const { listeners, dns, addresses } = await proxy.ready()
  expect([addresses, dns]).toEqual([['10.8.0.2', 'fd08::2'], [FAR]])
  const ports = listeners.map(({ option, protocol, listen }) => [
    `${option} ${protocol}`,
    Number(listen.split(':').pop()),
  ])
  return { proxy, ports: Object.fromEntries(ports) }
}

describe.skipIf(!hasCurl)('millrace proxy with curl, to a tunnel in another process (needs curl)', () => {
  let proxy: ProxyProcess
  let ports: Readonly<Record<string, number>>

  beforeAll(async () => {
    ;({ proxy, ports } = await startEverything())
  })

  const socks = (): string[] => ['--socks5-hostname', `127.0.0.1:${ports['socks5 tcp']}`]
  const viaHttp = (): string[] => ['-x', `http://127.0.0.1:${ports['http tcp']}`]

  function curl(...args: readonly string[]) {
    const own = ['-sS', '--max-time', '30', '--cacert', join(directory.path, 'ca.pem'), '--noproxy', '']
    return runWith('curl', [...own, ...args], body)
  }

  /** Sends the body, checks the one that comes, and gives the rest of what the server saw. */
  async function transfer(...args: readonly string[]): Promise<string> {
    const head = join(directory.path, 'head')
    const { code, stdout, stderr } = await curl('-D', head, '--data-binary', '@-', ...args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(sha256(stdout)).toBe(sha256(body))
    const [, seen = ''] = /x-seen: ([^\r]*)/i.exec((await runWith('cat', [head])).stdout.toString()) ?? []
    return `${seen.replace(sha256(body), 'HASH')} ${client}`
  }

  test.each([
    ['SOCKS5, http', socks, 'http://far.example/a', 'far.example', 'fd08::2'],
    ['SOCKS5, https', socks, 'https://far.example/b', 'far.example', 'fd08::2'],
    ['SOCKS5, IPv4', socks, `http://${FAR}/c`, FAR, '10.8.0.2'],
    ['SOCKS5, IPv6', socks, `http://[${FAR6}]/d`, `[${FAR6}]`, 'fd08::2'],
    ['HTTP, http', viaHttp, 'http://far.example/e', 'far.example', 'fd08::2'],
    ['HTTP, https', viaHttp, 'https://far.example/f', 'far.example', 'fd08::2'],
    ['HTTP, IPv6', viaHttp, `http://[${FAR6}]/g`, `[${FAR6}]`, 'fd08::2'],
  ])('%s: two megabytes each way', async (_what, by, url, host, from) => {
    const seen = await transfer(...by(), url)
    expect(seen).toBe(`POST /${url.slice(-1)} ${host} HASH ${from}`)
  })

  test('names were asked at the far end', () => {
    expect(names.asked).toContain('udp far.example A')
  })

  test('several requests by one connection of curl', async () => {
    const { code, stdout } = await curl(...viaHttp(), `http://${FAR}/1`, `http://${FAR}/2`, `http://far.example/3`)
    expect([code, stdout.length]).toEqual([0, 3 * SIZE])
  })

  test.each([
    ['refused', `${FAR}:81`, 5, 502],
    ['outside of the allowed IPs', '198.51.100.1:80', 4, 502],
    ['this machine', '127.0.0.1:80', 4, 502],
    ['no such name', 'nobody.example:80', 4, 502],
    ['a name for this machine', 'localhost:80', 4, 502],
  ])('%s: said as such', async (_what, place, reply, status) => {
    const bySocks = await curl(...socks(), `http://${place}/`)
    expect(bySocks.code).toBe(97)
    expect(bySocks.stderr).toContain(`(${reply})`)
    const byHttp = await curl(...viaHttp(), '-w', '%{http_code}', `http://${place}/`)
    expect(byHttp.stdout.toString()).toMatch(new RegExp(`^millrace: cannot reach .*\\n${status}$`))
    const byConnect = await curl(...viaHttp(), '-p', '-w', '%{http_connect}', `http://${place}/`)
    expect([byConnect.code, byConnect.stdout.toString()]).toEqual([56, `${status}`])
  })

  test('--forward: a local port is one in the tunnel', async () => {
    expect(await transfer(`http://127.0.0.1:${ports['forward tcp']}/`)).toMatch(/HASH 10\.8\.0\.2$/)
    const socket = createSocket('udp6')
    socket.send('ping', ports['forward udp'] as number, '::1')
    const [answer] = (await once(socket, 'message')) as [Buffer]
    expect(answer.toString()).toBe('re: ping')
    socket.close()
  })

  test('--expose: a port in the tunnel is one of this machine', async () => {
    const socket = far.host.dial({ address: '10.8.0.2', port: 8000 }, { allowHalfOpen: true })
    socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect((await buffer(socket)).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*from here$/s)
    const datagrams = far.host.createSocket()
    datagrams.send('ping', 8001, '10.8.0.2')
    const [answer] = (await once(datagrams, 'message')) as [Buffer]
    expect(answer.toString()).toBe('local ping')
    datagrams.close()
  })

  test('UDP ASSOCIATE: datagrams by address and by name', async () => {
    const control = createConnection(ports['socks5 tcp'] as number, '127.0.0.1')
    control.write(Buffer.from('050100' + '05030001000000000000', 'hex'))
    let reply = Buffer.alloc(0)
    while (reply.length < 12) reply = Buffer.concat([reply, ...(await once(control, 'data'))])
    expect(reply.subarray(0, 10).toString('hex')).toBe('0500050000017f000001')
    const relayPort = reply.readUInt16BE(10)
    const socket = createSocket('udp4')
    const byAddress = Buffer.from('00000001' + '0a080001' + '0007', 'hex')
    const byName = Buffer.concat([Buffer.of(0, 0, 0, 3, 11), Buffer.from('far.example'), Buffer.of(0, 7)])
    for (const [head, expected] of [
      [byAddress, byAddress],
      [byName, Buffer.from('00000004' + 'fd080000000000000000000000000001' + '0007', 'hex')],
    ] as const) {
      socket.send(Buffer.concat([head, Buffer.from('quic?')]), relayPort, '127.0.0.1')
      const [answer] = (await once(socket, 'message')) as [Buffer]
      expect(answer).toEqual(Buffer.concat([expected, Buffer.from('re: quic?')]))
    }
    // Closed with the connection that asked for it: the port is free again.
    control.end()
    await once(control, 'close')
    socket.close()
  })

  test('a port that is in use is named, and the tunnel is closed again', async () => {
    const rule = `${ports['forward tcp']}=${FAR}:80`
    const other = new ProxyProcess(file, '--socks5', '0', '--forward', rule)
    expect(await other.finished()).toBe(2)
    const place = `127.0.0.1:${ports['forward tcp']}`
    expect(other.stderr).toBe(`millrace: --forward: ${place} is in use already; choose another port\n`)
    expect(other.stdout).toBe('')
  })

  test('SIGTERM: connections end, ports are free, nothing on standard error', async () => {
    const { proxy: own, ports: its } = await startEverything()
    const idle = createConnection(its['socks5 tcp'] as number, '127.0.0.1')
    idle.on('error', () => {})
    await once(idle, 'connect')
    const open = createConnection(its['http tcp'] as number, '127.0.0.1')
    open.on('error', () => {})
    open.write(`CONNECT ${FAR}:80 HTTP/1.1\r\nHost: x\r\n\r\n`)
    await once(open, 'data')
    const gone = Promise.all([idle, open].map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    own.kill('SIGTERM')
    expect(await own.finished()).toBe(0)
    expect(own.stderr).toBe('')
    await gone
    const again = createServer().listen(its['socks5 tcp'], '127.0.0.1')
    await once(again, 'listening')
    again.close()
    proxy.kill('SIGINT')
    expect([await proxy.finished(), proxy.stderr]).toEqual([0, ''])
  })
})

test('one screen for people', async () => {
  const proxy = new ProxyProcess(file, '--socks5', '127.0.0.1:0', '--expose', '80=3000')
  closers.push(() => proxy.kill('SIGKILL'))
  await proxy.line()
  proxy.kill('SIGINT')
  expect([await proxy.finished(), proxy.stderr]).toEqual([0, ''])
  expect(proxy.stdout).toContain('Through the tunnel, as 10.8.0.2 and fd08::2:')
  expect(proxy.stdout).toMatch(/SOCKS5 {2}127\.0\.0\.1:\d+ +curl --socks5-hostname 127\.0\.0\.1:\d+ URL/)
  expect(proxy.stdout).toContain('10.8.0.2:80, [fd08::2]:80 in the tunnel')
})

test('told to end before there is a handshake, it does', async () => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  await once(silent, 'listening')
  const conf = join(directory.path, 'silent.conf')
  writeFileSync(conf, configurationText(`127.0.0.1:${silent.address().port}`))
  const proxy = new ProxyProcess(conf, '--socks5', '0')
  await once(silent, 'message')
  proxy.kill('SIGTERM')
  expect([await proxy.finished(), proxy.stdout, proxy.stderr]).toEqual([0, '', ''])
  silent.close()
})
