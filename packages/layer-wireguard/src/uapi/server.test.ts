import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigurationError, EnvironmentError } from '@millrace/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { serveUapi, type UapiServer, type UapiServerOptions } from './server.ts'
import { MemoryTarget } from './testing/memory-target.ts'

let root: string
let directory: string
let path: string
let target: MemoryTarget
const running: UapiServer[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-'))
  directory = join(root, 'wireguard')
  path = join(directory, 'wg0.sock')
  target = new MemoryTarget()
})

afterEach(async () => {
  for (const server of running.splice(0)) await server.close()
  rmSync(root, { recursive: true, force: true })
})

async function serve(options: Partial<UapiServerOptions> = {}): Promise<UapiServer> {
  const server = await serveUapi({ name: 'wg0', target, directory, ...options })
  running.push(server)
  return server
}

async function connected(): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** All that comes until the other end is done. */
async function rest(socket: Socket): Promise<string> {
  const parts: string[] = []
  socket.setEncoding('latin1').on('data', (text: string) => parts.push(text))
  if (!socket.readableEnded && !socket.destroyed)
    await new Promise((done) => socket.once('end', done).once('close', done))
  return parts.join('')
}

async function ask(text: string): Promise<string> {
  const socket = await connected()
  socket.end(text)
  const answer = await rest(socket)
  socket.destroy()
  return answer
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000 && !condition(); turn++) await new Promise((next) => setTimeout(next, 5))
  expect(condition()).toBe(true)
}

const octal = (of: string): string => (lstatSync(of).mode & 0o777).toString(8)

test('a socket for its owner only, in a directory for all to look into', async () => {
  const umask = process.umask()
  const server = await serve()
  expect(server.path).toBe(path)
  expect([octal(directory), octal(path)]).toEqual(['755', '600'])
  expect(lstatSync(path).isSocket()).toBe(true)
  expect(readdirSync(directory)).toEqual(['wg0.sock'])
  expect(process.umask()).toBe(umask)
})

test('several operations on a connection, and several connections', async () => {
  await serve()
  expect(await ask('set=1\nlisten_port=5\n\nget=1\n\nset=1\nfwmark=x\n\n')).toBe(
    'errno=0\n\nlisten_port=5\nerrno=0\n\nerrno=-22\n\n',
  )
  const sockets = await Promise.all([connected(), connected(), connected()])
  for (const socket of sockets) socket.end('get=1\n\n')
  expect(await Promise.all(sockets.map(rest))).toEqual(Array(3).fill('listen_port=5\nerrno=0\n\n'))
})

test('an answer comes while the connection stays open', async () => {
  await serve()
  const socket = await connected()
  for (const port of [1, 2]) {
    socket.write(`set=1\nlisten_port=${port}\n\n`)
    expect(`${(await once(socket, 'data'))[0]}`).toBe('errno=0\n\n')
    expect(target.listenPort).toBe(port)
  }
  socket.destroy()
})

test('a long answer waits for a slow reader', async () => {
  await serve()
  target.addPeer(new Uint8Array(32).fill(1))
  const bytes = (i: number): Uint8Array => Uint8Array.of(10, i >> 16, i >> 8, i)
  for (let i = 0; i < 50_000; i++) {
    target.addAllowedIp(new Uint8Array(32).fill(1), { family: 4, bytes: bytes(i), length: 32 })
  }
  const socket = await connected()
  socket.pause()
  socket.end('get=1\n\n')
  // Meanwhile others are served.
  expect(await ask('set=1\nfwmark=1\n\n')).toBe('errno=0\n\n')
  socket.resume()
  const answer = await rest(socket)
  expect(answer.split('\n').filter((line) => line.startsWith('allowed_ip=')).length).toBe(50_000)
  expect(answer.endsWith('\nerrno=0\n\n')).toBe(true)
})

test('a client that goes in the middle of anything leaves the server well', async () => {
  await serve()
  target.addPeer(new Uint8Array(32).fill(1))
  for (const text of ['', 'se', 'set=1\nlisten_port=', 'get=1\n\n'.repeat(5000), '\xff'.repeat(300_000)]) {
    const socket = await connected()
    await new Promise((done) => socket.write(text, 'latin1', done))
    socket.destroy()
    const rude = await connected()
    rude.write(text, 'latin1')
    rude.destroy()
  }
  expect(await ask('get=1\n\n')).toContain('errno=0\n\n')
  expect(target.listenPort).toBe(0)
})

test('no more connections than the bound, and none that only sits there', async () => {
  await serve({ maximumConnections: 2, idleTimeout: 300 })
  const idle = await Promise.all([connected(), connected()])
  const third = await connected()
  expect(await rest(third)).toBe('')
  expect(await Promise.all(idle.map(rest))).toEqual(['', ''])
  expect(await ask('get=1\n\n')).toBe('errno=0\n\n')
})

describe('a file that is there', () => {
  beforeEach(() => mkdirSync(directory))

  test('is left to the program that answers there', async () => {
    await serve()
    const before = lstatSync(path).ino
    const second = serve()
    await expect(second).rejects.toThrow(EnvironmentError)
    await expect(second).rejects.toThrow(
      `unix socket in use: ${path} (another program answers there); end that program or choose another name`,
    )
    expect(lstatSync(path).ino).toBe(before)
    expect(await ask('get=1\n\n')).toBe('errno=0\n\n')
    expect(readdirSync(directory)).toEqual(['wg0.sock'])
  })

  test('is replaced if nobody answers', async () => {
    const stale = createServer().listen(path)
    await once(stale, 'listening')
    renameSync(path, `${path}.old`)
    await new Promise((done) => stale.close(done))
    renameSync(`${path}.old`, path)
    await serve()
    expect(await ask('get=1\n\n')).toBe('errno=0\n\n')
  })

  test('is replaced if it is no socket, but not if it is a directory', async () => {
    writeFileSync(path, '')
    const server = await serve()
    expect(await ask('get=1\n\n')).toBe('errno=0\n\n')
    await server.close()
    mkdirSync(path)
    await expect(serve()).rejects.toThrow(
      new EnvironmentError(`unix socket ${path}: cannot be made here (ERR_FS_EISDIR)`),
    )
    expect(readdirSync(directory)).toEqual(['wg0.sock'])
  })

  test('goes to one of two that start at the same time', async () => {
    const results = await Promise.allSettled([serve(), serve()])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await ask('get=1\n\n')).toBe('errno=0\n\n')
  })
})

test('a directory that cannot be made', async () => {
  writeFileSync(directory, '')
  await expect(serve()).rejects.toThrow(EnvironmentError)
  await expect(serve()).rejects.toThrow(/^unix socket .*wg0\.sock: cannot be made here \(E[A-Z]+\)$/)
})

test.each(['', '..', 'a/b', '../wg0', 'sixteen-letters-', 'wg 0', 'wg0\0'])('%j names no interface', async (name) => {
  await expect(serve({ name })).rejects.toThrow(ConfigurationError)
})

describe('close', () => {
  test('removes the file, ends connections, and can be called again', async () => {
    const server = await serve()
    const socket = await connected()
    await server.close()
    await server.close()
    expect(await rest(socket)).toBe('')
    expect(readdirSync(directory)).toEqual([])
    await serve()
    expect(await ask('get=1\n\n')).toBe('errno=0\n\n')
  })

  test('leaves a file that is not its own any more', async () => {
    const server = await serve()
    rmSync(path)
    const other = createServer((socket) => socket.end('other')).listen(path)
    await once(other, 'listening')
    await server.close()
    expect(await ask('')).toBe('other')
    await new Promise((done) => other.close(done))
  })

  test('is not told of as a removal', async () => {
    let removals = 0
    const server = await serve({ onRemoved: () => void removals++ })
    await server.close()
    const second = await serve({ onRemoved: () => void removals++ })
    rmSync(path)
    await until(() => removals > 0)
    await second.close()
    expect(removals).toBe(1)
  })
})

describe('it is told when its file', () => {
  const removals = async (act: () => void): Promise<void> => {
    let count = 0
    await serve({ onRemoved: () => void count++ })
    // What happens to other files is nothing to it.
    writeFileSync(join(directory, 'wg1.sock'), '')
    rmSync(join(directory, 'wg1.sock'))
    act()
    await until(() => count > 0)
    expect(count).toBe(1)
  }
  test('is deleted', () => removals(() => rmSync(path)))
  test('is replaced', () =>
    removals(() => {
      writeFileSync(`${path}.new`, '')
      renameSync(`${path}.new`, path)
    }))
  test('goes with its directory', () => removals(() => rmSync(directory, { recursive: true })))
})

describe('a socket that listens already', () => {
  /** A program of its own that serves the descriptor 3, as the child of millrace-wg does. */
  function child(listener: Server): ChildProcess {
    const module = new URL('../../dist/uapi/index.js', import.meta.url)
    const script = `
      import { serveUapi } from ${JSON.stringify(module)}
      const target = { listenPort: 7, fwmark: 0, privateKey: undefined, peers: [] }
      const close = () => server.close()
      const server = await serveUapi({ name: 'wg0', directory: ${JSON.stringify(directory)}, fd: 3, target, onRemoved: close })
      process.on('SIGTERM', close)
      console.log('ready')`
    const { fd } = (listener as unknown as { readonly _handle: { readonly fd: number } })._handle
    return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit', fd] })
  }

  test.each(['a signal', 'a removal'])('is taken over by its descriptor, until %s', async (end) => {
    mkdirSync(directory)
    const listener = createServer().listen(join(root, 'bound'))
    await once(listener, 'listening')
    linkSync(join(root, 'bound'), path)
    const program = child(listener)
    const ended = once(program, 'exit')
    await once(program.stdout as NodeJS.ReadableStream, 'data')
    await new Promise((done) => listener.close(done))
    expect(await ask('get=1\n\n')).toBe('listen_port=7\nerrno=0\n\n')
    if (end === 'a signal') program.kill('SIGTERM')
    else rmSync(path)
    expect(await ended).toEqual([0, null])
    expect(readdirSync(directory)).toEqual([])
  })

  test('is said not to be one if it is none', async () => {
    const none = serve({ fd: 4000 })
    await expect(none).rejects.toThrow(EnvironmentError)
    await expect(none).rejects.toThrow(/^WG_UAPI_FD: file descriptor 4000 is no listening unix socket \(E[A-Z]+\)$/)
  })
})
