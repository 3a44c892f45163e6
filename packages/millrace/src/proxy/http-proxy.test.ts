import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { VirtualClock } from '@millrace/core/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { collect, MemoryNetwork } from '../testing/memory-network.ts'
import { openHttpProxy } from './http-proxy.ts'
import { localNetwork } from './local-network.ts'
import type { Connection, Listener } from './network.ts'
import { Users } from './users.ts'

const soon = { interval: 2, timeout: 10_000 }

/** A network in which `web.inside` is a server of this process, whatever the port. */
class Inside extends MemoryNetwork {
  port = 0

  override connect(to: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<Connection> {
    if (to.host !== 'web.inside') return super.connect(to, signal)
    this.dialled.push(to)
    return localNetwork.connect({ host: '127.0.0.1', port: this.port }, signal)
  }
}

let inside: Inside
let clock: VirtualClock
let proxy: Listener
let origin: Server
let answer: (request: IncomingMessage, response: ServerResponse) => void

beforeEach(async () => {
  inside = new Inside()
  clock = new VirtualClock()
  proxy = await openHttpProxy({ listen: { host: '127.0.0.1', port: 0 } }, { inside, clock })
  answer = (_, response) => void response.end('hello')
  origin = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1')
  await once(origin, 'listening')
  inside.port = (origin.address() as AddressInfo).port
})
afterEach(async () => {
  await proxy.close()
  origin.close()
  origin.closeAllConnections()
})

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

async function ask(path: string, options: object = {}, body?: string | string[]): Promise<Answer> {
  const asked = request({ host: '127.0.0.1', port: proxy.local.port, path, agent: false, ...options })
  for (const part of Array.isArray(body) ? body : []) asked.write(part)
  asked.end(Array.isArray(body) ? undefined : body)
  const [got] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: got.statusCode, headers: got.headers, body: await text(got) }
}

/** A connection on which to write what one likes, and what has come. */
async function raw(first: string): Promise<{ readonly socket: Socket; readonly got: () => string }> {
  const socket = connect({ port: proxy.local.port, host: '127.0.0.1', allowHalfOpen: true })
  const chunks: string[] = []
  socket.setEncoding('latin1').on('data', (chunk: string) => chunks.push(chunk))
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(first)
  return { socket, got: () => chunks.join('') }
}

describe('requests in absolute form', () => {
  test('go on with the fields that are for the other end, and come back with theirs', async () => {
    let seen: string[] = []
    answer = (request, response) => {
      seen = [request.method ?? '', request.url ?? '', ...request.rawHeaders]
      const fields = [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Connection',
        'X-Own',
        'X-Own',
        'x',
        'Content-Length',
        '2',
      ]
      response.writeHead(201, 'Made', fields).end('ok')
    }
    const headers = [
      'Host',
      'elsewhere',
      'X-Mine',
      'é',
      'Connection',
      'close, X-Drop',
      'X-Drop',
      '1',
      'Proxy-Connection',
      'close',
    ]
    const got = await ask('http://web.inside:81/a/../b?c', { headers })
    expect(inside.dialled).toEqual([{ host: 'web.inside', port: 81 }])
    const expected = [
      'GET',
      '/a/../b?c',
      'Host',
      'web.inside:81',
      'X-Mine',
      'é',
      'Via',
      '1.1 millrace',
      'Connection',
      'close',
    ]
    expect(seen).toEqual(expected)
    expect(got).toMatchObject({ status: 201, body: 'ok' })
    expect(got.headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], via: '1.1 millrace', 'content-length': '2' })
    expect(got.headers).not.toHaveProperty('x-own')
  })

  test('OPTIONS of a server as a whole reach it as such', async () => {
    const seen: unknown[] = []
    answer = (request, response) => {
      seen.push([request.method, request.url, request.headers.host])
      response.end()
    }
    await ask('http://web.inside:81', { method: 'OPTIONS' })
    await ask('http://web.inside:81/', { method: 'OPTIONS' })
    expect(seen).toEqual([
      ['OPTIONS', '*', 'web.inside:81'],
      ['OPTIONS', '/', 'web.inside:81'],
    ])
  })

  test.each([
    ['with a length', { headers: { 'Content-Length': 11 } }, 'content-length'],
    ['in chunks', { headers: { 'Transfer-Encoding': 'chunked' } }, 'transfer-encoding'],
  ])('bodies both ways, %s', async (_what, options, field) => {
    answer = async (request, response) => {
      const body = await text(request)
      response.end(`${field in request.headers} ${request.method} ${body}`)
    }
    const got = await ask('http://web.inside/', { method: 'DELETE', ...options }, ['hello ', 'world'])
    expect(got.body).toBe('true DELETE hello world')
  })

  test.each([
    ['POST', '0'],
    ['GET', undefined],
  ])('%s without a body has none', async (method, length) => {
    let seen: IncomingMessage['headers'] = {}
    answer = (request, response) => {
      seen = request.headers
      response.end()
    }
    const { socket, got } = await raw(`${method} http://web.inside/ HTTP/1.1\r\nHost: x\r\n\r\n`)
    await vi.waitFor(() => expect(got()).toMatch(/^HTTP\/1.1 200 /), soon)
    expect([seen['content-length'], seen['transfer-encoding']]).toEqual([length, undefined])
    socket.destroy()
  })

  test('one connection of a client serves several requests, each for another', async () => {
    answer = (request, response) => void response.end(request.url)
    const { socket, got } = await raw('GET http://web.inside/one HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitFor(() => expect(got()).toContain('/one'), soon)
    socket.write('GET http://web.inside:81/two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await once(socket, 'end')
    expect(got().match(/HTTP\/1.1 200 OK/g)).toHaveLength(2)
    expect(got()).toContain('/two')
    socket.destroy()
  })

  test('an answer comes as it is written, not when it is whole', async () => {
    let more: ServerResponse | undefined
    answer = (_, response) => {
      response.flushHeaders()
      more = response
    }
    const asked = request({ host: '127.0.0.1', port: proxy.local.port, path: 'http://web.inside/', agent: false }).end()
    const [got] = (await once(asked, 'response')) as [IncomingMessage]
    more?.write('first')
    const [chunk] = (await once(got, 'data')) as [Buffer]
    expect(chunk.toString()).toBe('first')
    more?.end('last')
    const [last] = (await once(got, 'data')) as [Buffer]
    expect(last.toString()).toBe('last')
  })

  test('HEAD and 304 have no body, whatever their length says', async () => {
    answer = (request, response) => {
      response.writeHead(request.method === 'HEAD' ? 200 : 304, ['Content-Length', '1000']).end()
    }
    expect(await ask('http://web.inside/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    expect(await ask('http://web.inside/')).toMatchObject({ status: 304, body: '' })
  })

  test('an answer that breaks off breaks off', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('part', () => response.destroy())
    }
    const asked = request({ host: '127.0.0.1', port: proxy.local.port, path: 'http://web.inside/', agent: false }).end()
    const [got] = (await once(asked, 'response')) as [IncomingMessage]
    await expect(text(got)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test('an answer before the request is whole does not stop the next', async () => {
    answer = (request, response) => {
      if (request.method === 'GET') response.end('next')
      else response.writeHead(413).end('too large', () => request.socket.destroy())
    }
    const { socket, got } = await raw('POST http://web.inside/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n')
    await vi.waitFor(() => expect(got()).toContain('too large'), soon)
    socket.write('x'.repeat(1_000_000))
    socket.write('GET http://web.inside/ HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitFor(() => expect(got()).toContain('next'), soon)
    socket.destroy()
  })

  test('a client that vanishes takes its request with it', async () => {
    const gone = vi.fn()
    const come = vi.fn((request: IncomingMessage) => void request.once('close', gone))
    answer = come
    const { socket } = await raw('POST http://web.inside/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart')
    await vi.waitFor(() => expect(come).toHaveBeenCalled(), soon)
    socket.destroy()
    await vi.waitFor(() => expect(gone).toHaveBeenCalled(), soon)
  })
})

describe('what cannot be', () => {
  test.each([
    ['ECONNREFUSED', 502],
    ['EHOSTUNREACH', 502],
    ['ENOTFOUND', 502],
    ['ETIMEDOUT', 504],
    ['EAI_AGAIN', 504],
  ])('%s is %i with a line of text, by CONNECT too', async (code, status) => {
    inside.failures.set('10.0.0.1', code)
    const line = `millrace: cannot reach 10.0.0.1 port 81: ${code}\n`
    expect(await ask('http://10.0.0.1:81/')).toMatchObject({ status, body: line })
    const { socket, got } = await raw('CONNECT 10.0.0.1:81 HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'end')
    expect(got()).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z]`))
    expect(got().endsWith(`\r\nConnection: close\r\n\r\n${line}`)).toBe(true)
    socket.destroy()
  })

  test('nobody answers: 504 after half a minute', async () => {
    inside.failures.set('10.0.0.1', 'silent')
    const asked = ask('http://10.0.0.1/')
    await vi.waitFor(() => expect(inside.dialled).toHaveLength(1), soon)
    clock.advance(30_000)
    expect(await asked).toMatchObject({ status: 504 })
  })

  test.each([
    ['GET / HTTP/1.1', 400],
    ['GET https://web.inside/ HTTP/1.1', 400],
    ['CONNECT web.inside HTTP/1.1', 400],
    ['TRACE http://web.inside/ HTTP/1.1', 501],
    ['POST http://web.inside/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked', 501],
    ['POST http://web.inside/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked', 400],
    ['POST http://web.inside/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6', 400],
    ['POST http://web.inside/ HTTP/1.1\r\nTransfer-Encoding: chunked, identity', 400],
    ['GET http://web.inside/ HTTP/1.1\r\nBad Field: x', 400],
    ['\x05\x01\x00', 400],
  ])('%j is %i, and nothing is asked of anybody', async (head, status) => {
    const { socket, got } = await raw(`${head}\r\nHost: x\r\n\r\n`)
    await once(socket, 'end')
    expect(got()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(inside.dialled).toEqual([])
    socket.destroy()
  })

  test.each([
    ['garbage', 'garbage\r\n\r\n'],
    ['nothing', ''],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
  ])('a server that answers %s is 502', async (_what, bytes) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(bytes))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    inside.port = (server.address() as AddressInfo).port
    expect(await ask('http://web.inside/')).toMatchObject({ status: 502 })
    server.close()
  })
})

describe('CONNECT', () => {
  test('joins the two, what was sent at once included, each half for itself', async () => {
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      const heard = collect(socket)
      socket.once('end', () => socket.end(`got ${heard.text}`))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    inside.port = (server.address() as AddressInfo).port
    const { socket, got } = await raw('CONNECT web.inside:443 HTTP/1.1\r\nHost: web.inside:443\r\n\r\nearly ')
    await vi.waitFor(() => expect(got()).toBe('HTTP/1.1 200 Connection Established\r\n\r\n'), soon)
    socket.end('late')
    await once(socket, 'end')
    expect(got()).toBe('HTTP/1.1 200 Connection Established\r\n\r\ngot early late')
    expect(inside.dialled).toEqual([{ host: 'web.inside', port: 443 }])
    server.close()
  })

  test('closing the proxy ends connections that are joined', async () => {
    const server = createTcpServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(server, 'listening')
    inside.port = (server.address() as AddressInfo).port
    const { socket, got } = await raw('CONNECT web.inside:443 HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitFor(() => expect(got()).toContain('200'), soon)
    const ended = once(socket, 'end').catch(() => {})
    const [atServer] = await Promise.all([once(server, 'close'), proxy.close(), ended, server.close()])
    expect(atServer).toEqual([])
    socket.destroy()
  })
})

test('with users, only with the password', async () => {
  const users = Users.parse('ann:se:cret', '--auth')
  await proxy.close()
  proxy = await openHttpProxy({ listen: { host: '127.0.0.1', port: 0 }, users }, { inside, clock })
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  let seen: IncomingMessage['headers'] = {}
  answer = (request, response) => {
    seen = request.headers
    response.end('in')
  }
  for (const credentials of [undefined, basic('ann:wrong'), basic('ann'), 'Bearer x', 'Basic !']) {
    const headers = credentials === undefined ? {} : { 'Proxy-Authorization': credentials }
    const got = await ask('http://web.inside/', { headers })
    expect(got.status).toBe(407)
    expect(got.headers['proxy-authenticate']).toBe('Basic realm="millrace", charset="UTF-8"')
    const asked = await raw(`CONNECT web.inside:1 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${credentials}\r\n\r\n`)
    await once(asked.socket, 'end')
    expect(asked.got()).toMatch(/^HTTP\/1.1 407 /)
    asked.socket.destroy()
  }
  expect(inside.dialled).toEqual([])
  const got = await ask('http://web.inside/', { headers: { 'Proxy-Authorization': basic('ann:se:cret') } })
  expect(got.body).toBe('in')
  expect(seen).not.toHaveProperty('proxy-authorization')
})
