import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FAR, startTwoNetstacks, type TwoNetstacks } from '../test-support/two-netstacks.ts'
import type { TunnelSocket } from './tunnel-socket.ts'

type Either = net.Socket | TunnelSocket

/** Sockets of one kind: Node's on loopback, or ours in the tunnel. */
interface Kind {
  /** Listens, and returns how to call. */
  listen(allowHalfOpen: boolean, accept: (socket: Either) => void): Promise<(allowHalfOpen?: boolean) => Either>
  /** Calls a port where nobody listens. */
  callNobody(): Promise<Either>
  close(): Promise<void>
}

const EVENTS = ['connect', 'ready', 'timeout', 'end', 'finish', 'error', 'close', 'drain']

/** What happens to a socket, in its order. */
function record(socket: Either, log: string[], who: string): void {
  for (const event of EVENTS) {
    socket.on(event, (value?: unknown) => {
      const detail = value instanceof Error ? ` ${(value as NodeJS.ErrnoException).code}` : ''
      log.push(`${who} ${event}${detail}${typeof value === 'boolean' ? ` ${value}` : ''}`)
    })
  }
}

class NodeKind implements Kind {
  readonly #servers: net.Server[] = []

  async listen(allowHalfOpen: boolean, accept: (socket: Either) => void): Promise<(allowHalfOpen?: boolean) => Either> {
    const server = net.createServer({ allowHalfOpen }, accept)
    this.#servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    return (half = false) => net.connect({ port, host: '127.0.0.1', allowHalfOpen: half })
  }

  async callNobody(): Promise<Either> {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    await new Promise((resolve) => server.close(resolve))
    return net.connect({ port, host: '127.0.0.1' })
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close()
  }
}

class TunnelKind implements Kind {
  readonly #hosts: TwoNetstacks

  constructor(hosts: TwoNetstacks) {
    this.#hosts = hosts
  }

  async listen(allowHalfOpen: boolean, accept: (socket: Either) => void): Promise<(allowHalfOpen?: boolean) => Either> {
    const { port } = this.#hosts.far.listen({ allowHalfOpen }, accept)
    return (half = false) => this.#hosts.near.dial({ address: FAR, port }, { allowHalfOpen: half })
  }

  async callNobody(): Promise<Either> {
    return this.#hosts.near.dial({ address: FAR, port: 9 })
  }

  async close(): Promise<void> {
    await this.#hosts.running.stop()
    expect(this.#hosts.running.pool.inUse).toBe(0)
  }
}

type Scenario = (kind: Kind, log: string[]) => Promise<void>

/** Calls, records what happens to both ends, and waits until both are closed. */
async function call(
  kind: Kind,
  log: string[],
  { far, near, half = false }: { far: (s: Either) => void; near: (s: Either) => void; half?: boolean },
): Promise<void> {
  const closed: Promise<unknown>[] = []
  const accepted = new Promise<void>((resolve) => {
    void kind
      .listen(half, (socket) => {
        record(socket, log, 'far')
        closed.push(once(socket, 'close').catch(() => {}))
        far(socket)
        resolve()
      })
      .then((dial) => {
        const socket = dial(half)
        record(socket, log, 'near')
        closed.push(new Promise((done) => socket.once('close', done)))
        near(socket)
      })
  })
  await accepted
  await Promise.all(closed)
}

const text = (socket: Either, log: string[], who: string): void => {
  let all = ''
  socket.setEncoding('utf8').on('data', (piece: string) => {
    all += piece
  })
  socket.once('end', () => log.push(`${who} read ${all}`))
}

const SCENARIOS: Record<string, Scenario> = {
  'question and answer': (kind, log) =>
    call(kind, log, {
      far: (socket) => {
        text(socket, log, 'far')
        socket.end('answer')
      },
      near: (socket) => {
        text(socket, log, 'near')
        socket.end('question')
      },
    }),
  'the far end answers after the near one has ended (half-open)': (kind, log) =>
    call(kind, log, {
      half: true,
      far: (socket) => {
        text(socket, log, 'far')
        socket.once('end', () => socket.end('answer'))
      },
      near: (socket) => {
        text(socket, log, 'near')
        socket.end('question')
      },
    }),
  'without half-open the end of the other is ours': (kind, log) =>
    call(kind, log, {
      far: (socket) => void socket.resume().end('bye'),
      near: (socket) => void socket.resume(),
    }),
  'the far end resets': (kind, log) =>
    call(kind, log, {
      far: (socket) => void socket.once('data', () => socket.resetAndDestroy()),
      near: (socket) => void socket.resume().write('hello'),
    }),
  'destroyed with an error of its own': (kind, log) =>
    call(kind, log, {
      far: (socket) => void socket.resume().on('error', () => {}),
      near: (socket) => {
        socket.resume()
        socket.once('connect', () => socket.destroy(Object.assign(new Error('mine'), { code: 'MINE' })))
      },
    }),
  'destroySoon after writing': (kind, log) =>
    call(kind, log, {
      far: (socket) => text(socket, log, 'far'),
      near: (socket) => {
        socket.resume()
        socket.once('connect', () => {
          socket.write('last words')
          socket.destroySoon()
        })
      },
    }),
  'idle for too long': (kind, log) =>
    call(kind, log, {
      far: (socket) => void socket.resume(),
      near: (socket) => {
        socket.resume()
        socket.setTimeout(20, () => socket.end())
      },
    }),
  refused: async (kind, log) => {
    const socket = await kind.callNobody()
    record(socket, log, 'near')
    socket.write('lost', (error) => log.push(`written ${error ? 'no' : 'yes'}`))
    await new Promise((resolve) => socket.once('close', resolve))
  },
  'states and counts': (kind, log) =>
    call(kind, log, {
      far: (socket) => {
        log.push(`far ${socket.readyState} ${socket.pending} ${socket.connecting}`)
        text(socket, log, 'far')
        socket.end('12345')
      },
      near: (socket) => {
        const show = (when: string): void => {
          const { readyState, pending, connecting, bytesWritten, bytesRead, destroyed } = socket
          log.push(`near ${when} ${readyState} ${pending} ${connecting} ${bytesWritten} ${bytesRead} ${destroyed}`)
        }
        show('dialled')
        socket.write('abc')
        socket.write('defg')
        show('written')
        text(socket, log, 'near')
        socket.once('connect', () => {
          show('connected')
          log.push(`near ${socket.localFamily} ${socket.remoteFamily} ${typeof socket.localPort} ${socket.timeout}`)
          log.push(`near ${Object.keys(socket.address()).sort()}`)
          socket.end()
        })
        socket.once('close', () => show('closed'))
      },
    }),
}

describe('does what a net.Socket does:', () => {
  let kinds: { readonly node: Kind; readonly tunnel: Kind }

  beforeAll(async () => {
    kinds = { node: new NodeKind(), tunnel: new TunnelKind(await startTwoNetstacks()) }
  })
  afterAll(async () => {
    await kinds.node.close()
    await kinds.tunnel.close()
  })

  test.each(Object.entries(SCENARIOS))('%s', async (_, scenario) => {
    const logs: Record<'node' | 'tunnel', string[]> = { node: [], tunnel: [] }
    await scenario(kinds.node, logs.node)
    await scenario(kinds.tunnel, logs.tunnel)
    // The order of what happens at one end; which end is first is a matter of chance.
    for (const who of ['near', 'far', 'written']) {
      const of = (log: string[]): string[] => log.filter((line) => line.startsWith(who))
      expect(of(logs.tunnel)).toEqual(of(logs.node))
    }
    expect(logs.node.length).toBeGreaterThan(2)
  })

  test('and has all that one has, but for opening and private parts', async () => {
    const dial = await kinds.tunnel.listen(false, (socket) => socket.destroy())
    const socket = dial()
    const others = ['connect', 'autoSelectFamilyAttemptedAddresses']
    const names = Object.getOwnPropertyNames(net.Socket.prototype).filter((name) => !/^_|^constructor$/.test(name))
    expect(names).toContain('remoteAddress')
    expect(names.filter((name) => !(name in socket) && !others.includes(name))).toEqual([])
    socket.destroy()
    await once(socket, 'close')
  })
})
