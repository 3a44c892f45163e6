import { VirtualClock } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { Link } from '../test-support/link.ts'
import { TcpHost } from '../test-support/tcp-host.ts'

const CONNECTIONS = 1000
const REQUEST = new Uint8Array(300).fill(1)
const ANSWER = new Uint8Array(2000).fill(2)

test(`${CONNECTIONS} connections at once, each asking and answering, with loss: all end well and leave nothing`, () => {
  const clock = new VirtualClock()
  const options = { connections: CONNECTIONS, halfOpen: CONNECTIONS, memory: 2 ** 26 }
  const client = new TcpHost(clock, { ...options, seed: 1, timeWait: 1000 })
  const server = new TcpHost(clock, { ...options, seed: 2 })
  const up = new Link(clock, (bytes) => void server.deliver(bytes), { delay: 20, loss: 0.01, seed: 3 })
  const down = new Link(clock, (bytes) => void client.deliver(bytes), { delay: 20, loss: 0.01, seed: 4 })
  client.send = (bytes) => up.send(bytes)
  server.send = (bytes) => down.send(bytes)
  const into = new Uint8Array(4096)
  const answered = new Map<number, number>()
  let finished = 0
  let open = 0
  let mostOpen = 0
  client.listener = {
    incoming() {},
    established: (handle) => void client.tcp.write(handle, REQUEST),
    readable: (handle) => {
      answered.set(handle, (answered.get(handle) ?? 0) + client.tcp.read(handle, into))
      if (client.tcp.ended(handle)) client.tcp.shutdown(handle)
    },
    writable() {},
    closed: (handle, cause) => {
      if (cause === 'finished' && answered.get(handle) === ANSWER.length) finished++
    },
  }
  server.listener = {
    incoming: (handle) => {
      server.tcp.accept(handle)
      mostOpen = Math.max(mostOpen, ++open)
    },
    established() {},
    readable: (handle) => {
      if (server.tcp.readableBytes(handle) < REQUEST.length) return
      server.tcp.read(handle, into)
      server.tcp.write(handle, ANSWER)
      server.tcp.shutdown(handle)
    },
    writable() {},
    closed: () => void open--,
  }
  const [localAddress, remoteAddress] = [Uint8Array.of(10, 0, 0, 2), Uint8Array.of(198, 51, 100, 7)]
  for (let i = 0; i < CONNECTIONS; i++) {
    const ends = { localAddress, localPort: 10_000 + i, remoteAddress, remotePort: 80 }
    expect(client.tcp.connect(ends, clock.now())).toBeGreaterThanOrEqual(0)
    if (i % 50 === 49) {
      client.pump()
      clock.advance(1)
    }
  }
  clock.advance(60_000)
  expect([finished, open]).toEqual([CONNECTIONS, 0])
  expect(mostOpen).toBeGreaterThan(CONNECTIONS / 2)
  clock.advance(60_000)
  for (const host of [client, server]) {
    expect([host.tcp.statistics.connections, host.tcp.statistics.memory, host.leaked]).toEqual([0, 0, 0])
  }
})
