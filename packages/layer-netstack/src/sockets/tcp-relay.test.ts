import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { TcpOptions } from '../tcp/options.ts'
import { RelayRig, until } from '../test-support/relay-rig.ts'
import { TCP_KINDS } from '../test-support/tcp-kinds.ts'
import type { SocketsOptions } from './options.ts'

describe.each(TCP_KINDS)('by $kind', ({ native }) => {
  const start = ({ tcp, ...options }: SocketsOptions = {}, client: TcpOptions = {}): Promise<RelayRig> =>
    RelayRig.start({ ...options, tcp: { ...tcp, native } }, client)

  test('a stream goes to the server and back intact, and ends with both its ends', async () => {
    await using rig = await start()
    const port = await rig.serve((socket) => socket.pipe(socket))
    const connection = rig.dial(port)
    const sent = randomBytes(3_000_000)
    const hash = createHash('sha256')
    connection.onData = (bytes) => hash.update(bytes)
    let written = 0
    connection.onWritable = () => {
      while (written < sent.length) {
        const taken = connection.write(sent.subarray(written, written + 100_000))
        if (taken === 0) return
        written += taken
      }
      connection.shutdown()
    }
    await until(() => connection.cause !== undefined)
    expect(connection.cause).toBe('finished')
    expect(connection.received).toBe(sent.length)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'))
    await until(() => rig.end.statistics()?.flows === 0)
    expect(rig.running.pool.inUse).toBe(0)
  })

  test('the server sees the egress address, and a port of the range', async () => {
    await using rig = await start({ ports: [42_000, 42_010] })
    const seen: [string | undefined, number | undefined][] = []
    const port = await rig.serve(({ remoteAddress, remotePort }) => seen.push([remoteAddress, remotePort]))
    rig.dial(port)
    await until(() => seen.length > 0)
    const [address, from] = seen[0] as [string, number]
    expect(address).toBe('127.0.0.1')
    expect(from).toBeGreaterThanOrEqual(42_000)
    expect(from).toBeLessThanOrEqual(42_010)
  })

  test('each peer goes out from its own address, and one without any from none', async () => {
    const pins = { alice: '127.0.0.1', bob: '127.0.0.3' }
    const egress = { addresses: ['127.0.0.1', '127.0.0.3'], pick: 'pinned', pins } as const
    await using rig = await start({ egressIp: undefined, egress })
    const seen: (string | undefined)[] = []
    const port = await rig.serve(({ remoteAddress }) => seen.push(remoteAddress))
    for (const name of ['alice', 'bob', 'alice', 'bob', 'mallory']) {
      rig.client.peer = { name }
      const client = rig.dial(port)
      const refused = (): boolean =>
        rig.end.metrics().some(({ name, samples }) => name.endsWith('refused_total') && samples.length > 0)
      await until(() => client.established || refused())
    }
    await until(() => seen.length === 4)
    expect(seen).toEqual(['127.0.0.1', '127.0.0.3', '127.0.0.1', '127.0.0.3'])
    expect(rig.end.statistics()?.flows).toBe(4)
  })

  test('port 53 of the gateway is the name server, and its other ports are closed', async () => {
    const server = await start()
    const port = await server.serve((socket) => socket.pipe(socket), '127.0.0.9')
    await using rig = await start({ nameServer: `127.0.0.9:${port}`, gatewayAddress: '10.9.0.1' })
    const connection = rig.dial(53, '10.9.0.1')
    await until(() => connection.established)
    let echoed = ''
    connection.onData = (bytes) => {
      echoed += Buffer.from(bytes).toString()
    }
    connection.write(Buffer.from('a name'))
    await until(() => echoed === 'a name')
    const closed = [rig.dial(54, '10.9.0.1'), rig.dial(port, '127.0.0.9')]
    await until(() => closed[0]?.cause !== undefined)
    expect(closed.map(({ established }) => established)).toEqual([false, false])
    await server[Symbol.asyncDispose]()
  })

  test('the client is answered only when the server is there', async () => {
    await using rig = await start()
    let accepted = 0
    const port = await rig.serve(() => accepted++)
    const connection = rig.dial(port)
    expect(connection.established).toBe(false)
    await until(() => connection.established)
    await until(() => accepted === 1)
  })

  test('a port where nobody listens refuses the client, who never sees it open', async () => {
    await using rig = await start()
    const client = rig.dial(1)
    await until(() => client.cause !== undefined)
    expect([client.cause, client.established]).toEqual(['refused', false])
  })

  test('a RST of the server is a RST for the client', async () => {
    await using rig = await start()
    const port = await rig.serve((socket) => socket.on('data', () => socket.resetAndDestroy()))
    const client = rig.dial(port)
    client.onWritable = () => client.write(Buffer.from('go away'))
    await until(() => client.cause !== undefined)
    expect([client.cause, client.established]).toEqual(['reset', true])
  })

  test('half-close: the client goes on receiving after its end, and the server after its own', async () => {
    await using rig = await start()
    let received = ''
    const port = await rig.serve((socket) => {
      socket.write('early ')
      socket.setEncoding('utf8').on('data', (text) => {
        received += text
      })
      socket.on('end', () => socket.end('late'))
    })
    const client = rig.dial(port)
    let text = ''
    client.onData = (bytes) => {
      text += Buffer.from(bytes).toString()
    }
    client.onWritable = () => {
      client.onWritable = () => {}
      client.write(Buffer.from('all'))
      client.shutdown()
    }
    await until(() => client.cause !== undefined)
    expect([text, received, client.cause]).toEqual(['early late', 'all', 'finished'])

    const back = await rig.serve((socket) => {
      socket.end('only this')
      socket.on('data', (bytes) => {
        received += bytes
      })
    })
    const second = rig.dial(back)
    await until(() => second.ended)
    received = ''
    second.write(Buffer.from('still heard'))
    await until(() => received === 'still heard')
    second.shutdown()
    await until(() => second.cause !== undefined)
    expect(second.cause).toBe('finished')
  })

  test('a RST of the client is a RST for the server', async () => {
    await using rig = await start()
    let error = ''
    const port = await rig.serve((socket) => {
      socket.on('error', ({ message }) => {
        error = message
      })
      socket.write('hello')
    })
    const client = rig.dial(port)
    await until(() => client.received === 5)
    client.abort()
    await until(() => error !== '')
    expect(error).toContain('ECONNRESET')
    await until(() => rig.end.statistics()?.flows === 0)
  })

  test('two thousand connections at once', async () => {
    await using rig = await start({}, { connections: 4096, memory: 2 ** 26 })
    const port = await rig.serve((socket) => socket.pipe(socket))
    const clients = Array.from({ length: 2000 }, () => rig.dial(port))
    await until(() => clients.every(({ established }) => established))
    expect(rig.end.statistics()).toMatchObject({ flows: 2000, dials: 0 })
    const texts = clients.map(() => '')
    for (const [i, client] of clients.entries()) {
      client.onData = (bytes) => {
        texts[i] += Buffer.from(bytes).toString()
      }
      client.write(Buffer.from(`this is ${i}`))
      client.shutdown()
    }
    await until(() => clients.every(({ cause }) => cause !== undefined))
    expect(new Set(clients.map(({ cause }) => cause))).toEqual(new Set(['finished']))
    expect(texts).toEqual(clients.map((_, i) => `this is ${i}`))
    await until(() => rig.end.statistics()?.flows === 0)
  }, 40_000)

  test('a server that does not read stops the client, and nothing is lost', async () => {
    await using rig = await start({ tcp: { receiveBuffer: 65_536 } }, { sendBuffer: 65_536 })
    let server: Socket | undefined
    const port = await rig.serve((socket) => {
      server = socket.pause()
    })
    const client = rig.dial(port)
    const piece = randomBytes(65_536)
    const hash = createHash('sha256')
    let written = 0
    let moved = 0
    const TOTAL = 20_000_000
    client.onWritable = () => {
      while (written < TOTAL) {
        const taken = client.write(piece.subarray(0, Math.min(piece.length, TOTAL - written)))
        hash.update(piece.subarray(0, taken))
        written += taken
        moved++
        if (taken === 0) return
      }
      client.shutdown()
    }
    // Until nothing moves any more, the system's own buffers being full.
    for (let before = -1; before !== moved || written === 0; ) {
      before = moved
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(written).toBeLessThan(TOTAL)
    expect(rig.end.statistics()?.tcp.memory).toBeLessThanOrEqual(2 * 65_536)
    const received = createHash('sha256')
    let count = 0
    server?.on('data', (bytes) => {
      received.update(bytes)
      count += bytes.length
    })
    server?.on('end', () => server?.end())
    server?.resume()
    await until(() => client.cause !== undefined)
    expect(count).toBe(TOTAL)
    expect(received.digest('hex')).toBe(hash.digest('hex'))
  })

  test('a client that does not read stops the server, and nothing is lost', async () => {
    await using rig = await start({ tcp: { sendBuffer: 65_536 } }, { receiveBuffer: 65_536 })
    const piece = randomBytes(65_536)
    const TOTAL = 20_000_000
    const sent = createHash('sha256')
    let written = 0
    const port = await rig.serve((socket) => {
      const more = (): void => {
        while (written < TOTAL) {
          const part = piece.subarray(0, Math.min(piece.length, TOTAL - written))
          written += part.length
          sent.update(part)
          if (!socket.write(part)) {
            socket.once('drain', more)
            return
          }
        }
        socket.end()
      }
      more()
    })
    const client = rig.dial(port)
    client.paused = true
    for (let before = -1; before !== written || written === 0; ) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(written).toBeLessThan(TOTAL)
    expect(rig.end.statistics()?.tcp.memory).toBeLessThanOrEqual(2 * 65_536)
    const received = createHash('sha256')
    client.onData = (bytes) => received.update(bytes)
    client.paused = false
    client.drain()
    await until(() => client.ended)
    expect(client.received).toBe(TOTAL)
    expect(received.digest('hex')).toBe(sent.digest('hex'))
    client.shutdown()
    await until(() => client.cause === 'finished')
  })

  test('a stop ends everything: clients are told, sockets closed, packets given back', async () => {
    await using rig = await start()
    let closed = 0
    const port = await rig.serve((socket) => socket.on('close', () => closed++))
    const clients = Array.from({ length: 20 }, () => rig.dial(port))
    await until(() => clients.every(({ established }) => established))
    const reset = new Set<number>()
    rig.client.watch = ({ view, transport, destinationPort }) => {
      if ((view.getUint8(transport + 13) & 4) !== 0) reset.add(destinationPort)
    }
    await rig.stop()
    await until(() => closed === 20)
    expect(reset.size).toBe(20)
    expect(rig.running.pool.inUse).toBe(0)
    expect(rig.end.statistics()).toBeUndefined()
  })

  test('a peer whose connections stand still does not keep the memory from others', async () => {
    const memory = 2 ** 20
    await using rig = await start({ tcp: { memory, sendBuffer: 65_536 } }, { receiveBuffer: 4096 })
    const much = randomBytes(2 ** 18)
    const port = await rig.serve((socket) => socket.end(much))
    rig.client.peer = { name: 'alice' }
    // None of these reads what comes.
    const alice = Array.from({ length: 100 }, () => {
      const client = rig.dial(port)
      client.paused = true
      return client
    })
    await until(() => (rig.end.statistics()?.tcp.memory ?? 0) > (memory * 3) / 4)
    rig.client.peer = { name: 'bob' }
    const bob = rig.dial(port)
    await until(() => bob.ended)
    expect(bob.received).toBe(much.length)
    // Hers end that stand still, and nobody else's.
    await until(() => alice.some(({ cause }) => cause === 'reset'))
    expect(bob.cause).toBeUndefined()
    const ended = rig.end.metrics().find(({ name }) => name === 'egress_flows_closed_total')
    expect(ended?.samples.find(({ labels }) => labels['reason'] === 'quota')?.value).toBeGreaterThan(0)
  })
})
