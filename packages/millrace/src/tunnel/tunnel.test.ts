import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { buffer } from 'node:stream/consumers'
import { fetch as undiciFetch, WebSocket } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from '../testing/certificate.ts'
import { NameServer } from '../testing/name-server.ts'
import { FAR, FAR6, startTunnelWorld, type TunnelWorld } from '../testing/tunnel-world.ts'
import type { Tunnel } from './tunnel.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let far: TunnelWorld
let tunnel: Tunnel

beforeEach(async () => {
  far = await startTunnelWorld()
  tunnel = await connect({ ...far.configuration, dns: [FAR] }, { tcp: { memory: 2 ** 25, connections: 2048 } })
})

afterEach(async () => {
  await tunnel.close()
  await far.running.stop()
  expect([tunnel.stack.pool.inUse, far.running.pool.inUse]).toEqual([0, 0])
})

/** Serves http at the far end. */
function serve(handler: http.RequestListener, port = 80): void {
  const server = http.createServer(handler)
  far.host.listen(
    { port },
    (socket) =>
      void server.emit(
        'connection',
        socket.on('error', () => {}),
      ),
  )
}

/** Answers with the hash of what was sent, and as many bytes as the query asks for, made of one letter. */
const hashing: http.RequestListener = async (request, response) => {
  response.setHeader('x-hash', sha256(await buffer(request)))
  response.end('y'.repeat(Number(request.url?.slice(1))))
}

const viaTunnel = (more: object = {}): RequestInit => ({ dispatcher: tunnel.dispatcher(), ...more })

describe('fetch', () => {
  test("of Node's own brings large bodies both ways intact", async () => {
    serve(hashing)
    const body = randomBytes(2_000_000)
    const answer = await fetch(`http://${FAR}/3000000`, viaTunnel({ method: 'POST', body }))
    expect(answer.headers.get('x-hash')).toBe(sha256(body))
    expect(sha256(Buffer.from(await answer.arrayBuffer()))).toBe(sha256(Buffer.alloc(3_000_000, 'y')))
  })

  test("of undici's own does, over IPv6", async () => {
    serve(hashing)
    const answer = await undiciFetch(`http://[${FAR6}]/5`, { dispatcher: tunnel.dispatcher() })
    expect(await answer.text()).toBe('yyyyy')
  })

  test('of a name over TLS looks it up and checks the certificate', async () => {
    const records = { 'far.example A': [{ type: 'A', name: 'far.example', ttl: 60, data: FAR }] as const }
    new NameServer(far.host, { records })
    const server = https.createServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, (_, response) =>
      response.end('sealed'),
    )
    far.host.listen(
      { port: 443 },
      (socket) =>
        void server.emit(
          'connection',
          socket.on('error', () => {}),
        ),
    )
    const dispatcher = tunnel.dispatcher({ connect: { ca: CERTIFICATE } })
    const answer = await fetch('https://far.example/', { dispatcher })
    expect(await answer.text()).toBe('sealed')
    const distrusted = fetch('https://far.example/', viaTunnel())
    await expect(distrusted).rejects.toMatchObject({ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
  })

  test('of what the tunnel does not reach, or nobody serves, fails at once', async () => {
    const outside = fetch('http://192.0.2.1/', viaTunnel())
    await expect(outside).rejects.toMatchObject({ cause: { code: 'EHOSTUNREACH', address: '192.0.2.1' } })
    await expect(fetch(`http://${FAR}:81/`, viaTunnel())).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await expect(fetch(`https://${FAR}:81/`, viaTunnel())).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await expect(fetch('http://localhost/', viaTunnel())).rejects.toMatchObject({ cause: { code: 'ENOTFOUND' } })
  })

  test.each(['http', 'https'])('of %s gives up when nobody answers in time', async (scheme) => {
    const dispatcher = tunnel.dispatcher({ connect: { timeout: 20 } })
    const late = fetch(`${scheme}://203.0.113.9/`, { dispatcher })
    await expect(late).rejects.toMatchObject({ cause: { code: 'UND_ERR_CONNECT_TIMEOUT' } })
  })

  test('200 at once', async () => {
    serve(hashing)
    const dispatcher = tunnel.dispatcher()
    const answers = Array.from({ length: 200 }, async (_, i) => {
      const answer = await fetch(`http://${FAR}/${i}`, { dispatcher })
      return (await answer.text()).length === i
    })
    expect(await Promise.all(answers)).toEqual(Array(200).fill(true))
  })
})

describe('agents', () => {
  const bodyOf = async (call: http.ClientRequest): Promise<string> => {
    const [response] = await once(call, 'response')
    return (await buffer(response)).toString()
  }

  test('http.get goes through the tunnel, and again on the same connection', async () => {
    let connections = 0
    const server = http.createServer((_, response) => response.end('hello'))
    server.on('connection', () => connections++)
    far.host.listen(
      { port: 80 },
      (socket) =>
        void server.emit(
          'connection',
          socket.on('error', () => {}),
        ),
    )
    const agent = tunnel.agent({ keepAlive: true })
    for (let i = 0; i < 3; i++) expect(await bodyOf(http.get(`http://${FAR}/`, { agent }))).toBe('hello')
    expect(connections).toBe(1)
    agent.destroy()
  })

  test('https.get does, by an address that the certificate is for', async () => {
    const server = https.createServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, (_, response) =>
      response.end('sealed'),
    )
    far.host.listen(
      { port: 443 },
      (socket) =>
        void server.emit(
          'connection',
          socket.on('error', () => {}),
        ),
    )
    const agent = tunnel.httpsAgent({ ca: CERTIFICATE })
    expect(await bodyOf(https.get(`https://${FAR}/`, { agent }))).toBe('sealed')
    const refused = https.get(`https://${FAR}:81/`, { agent })
    expect(await once(refused, 'response').catch((error) => error)).toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('sockets', () => {
  test('are opened in each way that net.connect knows', async () => {
    far.host.listen({ port: 80 }, (socket) => void socket.end('hello'))
    let connected = 0
    const onConnect = (): void => void connected++
    const sockets = [
      tunnel.connect(80, FAR, onConnect),
      tunnel.createConnection({ port: '80', host: FAR, family: 4 }, onConnect),
      tunnel.connect({ port: 80, host: `[${FAR6}]`, timeout: 60_000, localPort: 5000 }, onConnect),
    ]
    for (const socket of sockets) expect((await buffer(socket)).toString()).toBe('hello')
    expect([connected, sockets[2]?.localPort, sockets[2]?.timeout]).toEqual([3, 5000, 60_000])
    expect(() => tunnel.connect({ port: 80 })).toThrow('tunnel connect: expected a host, got none')
    expect(() => tunnel.connect(0, FAR)).toThrow('tunnel connect: expected a port from 1 to 65535, got 0')
    const [error] = await once(tunnel.connect({ port: 80, host: FAR, family: 6 }), 'error')
    expect(error).toMatchObject({ code: 'ENOTFOUND', hostname: FAR })
  })

  test('are accepted at our end too', async () => {
    tunnel.listen(8080, (socket) => void socket.end(`hello ${socket.remoteAddress}`))
    const socket = far.host.dial({ address: '10.8.0.2', port: 8080 })
    expect((await buffer(socket)).toString()).toBe(`hello ${FAR}`)
  })

  test('of UDP send to names', async () => {
    const records = { 'far.example AAAA': [{ type: 'AAAA', name: 'far.example', ttl: 60, data: FAR6 }] as const }
    new NameServer(far.host, { records })
    const echo = far.host.bind({ port: 7 })
    echo.on('message', (bytes, { address, port }) => echo.send(bytes, port, address))
    const socket = tunnel.createSocket('udp6')
    socket.send('hello', 7, 'far.example')
    const [bytes, from] = await once(socket, 'message')
    expect([bytes.toString(), from]).toEqual(['hello', { address: FAR6, family: 'IPv6', port: 7, size: 5 }])
    expect(tunnel.reaches('192.0.2.1')).toBe(false)
  })
})

describe('others that take a socket for a net.Socket', () => {
  test('http2', async () => {
    const server = http2.createServer()
    server.on('stream', (stream) => stream.end('hello'))
    far.host.listen({ port: 80 }, (socket) => void server.emit('connection', socket))
    const session = http2.connect(`http://${FAR}`, { createConnection: () => tunnel.connect(80, FAR) })
    expect((await buffer(session.request({ ':path': '/' }))).toString()).toBe('hello')
    session.close()
  })

  test("undici's WebSocket", async () => {
    const server = http.createServer()
    server.on('upgrade', ({ headers }, socket) => {
      // RFC 6455 §4.2.2: proof that the key was read; then one text frame.
      const proof = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
      const accept = createHash('sha1').update(proof).digest('base64')
      const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
      socket.write([...lines, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'))
      socket.write(Buffer.from([0x81, 5, ...Buffer.from('hello')]))
    })
    far.host.listen(
      { port: 80 },
      (socket) =>
        void server.emit(
          'connection',
          socket.on('error', () => {}),
        ),
    )
    const socket = new WebSocket(`ws://${FAR}/`, { dispatcher: tunnel.dispatcher() })
    const [message] = await once(socket, 'message')
    expect(message.data).toBe('hello')
  })
})

test('closed in the midst of it all, it leaves nothing behind', async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'Immediate')
  const world = await startTunnelWorld()
  const other = await connect(world.configuration)
  const server = http.createServer((_, response) => {
    // Never ends.
    response.write(Buffer.alloc(100_000))
  })
  world.host.listen(
    { port: 80 },
    (socket) =>
      void server.emit(
        'connection',
        socket.on('error', () => {}),
      ),
  )
  const dispatcher = other.dispatcher()
  const reading = Array.from({ length: 50 }, async () => {
    const answer = await fetch(`http://${FAR}/`, { dispatcher })
    return answer.arrayBuffer()
  })
  const socket = other.connect(80, FAR)
  const datagrams = other.createSocket().bind()
  await once(socket, 'connect')
  const outcomes = Promise.allSettled(reading)
  const closed = Promise.all([once(socket, 'close'), once(datagrams, 'close')])
  await other.close()
  await closed
  expect((await outcomes).map(({ status }) => status)).toEqual(Array(50).fill('rejected'))
  await expect(fetch(`http://${FAR}/`, { dispatcher })).rejects.toMatchObject({
    cause: { code: 'ENETDOWN' },
  })
  await other.close()
  await world.running.stop()
  expect([other.stack.pool.inUse, world.running.pool.inUse]).toEqual([0, 0])
  const after = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'Immediate')
  expect(after.sort()).toEqual(before.sort())
})
