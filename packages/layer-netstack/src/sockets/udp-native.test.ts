import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { bind, runtimeWith } from '@millrace/core'
import { describeBytes, ipv4, packetFromText, udpSegment } from '@millrace/core/testing'
import {
  AF_INET,
  Errno,
  loadNative,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_UDP,
  SYSTEM_CALLS,
  type SystemCalls,
  UDP_SEGMENT,
} from '@millrace/native'
import { nativeSystem } from '@millrace/native/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { RelayRig, SERVER, until } from '../test-support/relay-rig.ts'
import type { SocketsOptions } from './options.ts'
import { sockets } from './sockets.ts'

/** Somebody who notes what came, in the order it came. */
class Server {
  readonly heard: Buffer[] = []
  readonly socket: Socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 22 })

  static async start(): Promise<Server> {
    const server = new Server()
    server.socket.on('message', (bytes) => server.heard.push(bytes))
    server.socket.bind(0, SERVER)
    await once(server.socket, 'listening')
    open.push(server.socket)
    return server
  }

  get port(): number {
    return this.socket.address().port
  }
}

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

function datagram(destinationPort: number, data: Uint8Array, sourcePort = 7000): Uint8Array {
  return ipv4({ source: '10.9.0.2', destination: SERVER }, udpSegment({ sourcePort, destinationPort }, data))
}

/** As many, each of its own content. */
function contents(count: number, size: number, first = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new Uint8Array(size).fill((first + i) % 251))
}

/** A rig on a system of which some calls are replaced. */
function start(calls: Partial<SystemCalls>, options: SocketsOptions = {}): Promise<RelayRig> {
  return RelayRig.start(options, {}, runtimeWith(bind(SYSTEM_CALLS, { ...nativeSystem(), ...calls })))
}

const dropped = (rig: RelayRig): unknown[] => rig.running.drops().map(({ reason, packets }) => [reason, packets])

test('what cannot be is named', () => {
  const text = 'no' as unknown as boolean
  const start = (udp: SocketsOptions['udp']): unknown => sockets({ egressIp: '127.0.0.1', udp })
  expect(() => start({ native: text })).toThrow('sockets udp native: expected true or false, got no')
  expect(() => start({ offload: { receive: text } })).toThrow('sockets udp offload receive: expected true or false')
})

describe.skipIf(loadNative().system === undefined)('outlets by system calls (needs Linux, koffi)', () => {
  /** Messages in each call of sendmmsg. */
  const calls: number[] = []
  const counting: Partial<SystemCalls> = {
    sendmmsg: (fd, messages, count, flags) => {
      calls.push(count)
      return nativeSystem().sendmmsg(fd, messages, count, flags)
    },
  }
  afterEach(() => {
    calls.length = 0
  })

  test('what goes one way leaves as one train, and arrives as it was', async () => {
    const [server, other] = [await Server.start(), await Server.start()]
    await using rig = await start(counting)
    const sent = [...contents(30, 1200), new Uint8Array(500).fill(30), ...contents(30, 1200, 31)]
    rig.client.send(...sent.map((data) => datagram(server.port, data)), datagram(other.port, sent[0] as Uint8Array))
    await until(() => server.heard.length + other.heard.length === sent.length + 1)
    expect(server.heard).toEqual(sent.map((data) => Buffer.from(data)))
    // A shorter one is the last of its train.
    expect(calls).toEqual([3])
  })

  test('without trains there are as many messages as datagrams', async () => {
    const server = await Server.start()
    await using rig = await start(counting, { udp: { offload: { send: false } } })
    rig.client.send(...contents(100, 1200).map((data) => datagram(server.port, data)))
    await until(() => server.heard.length === 100)
    expect(calls).toEqual([64, 36])
  })

  test('flows that take turns have a call each', async () => {
    const server = await Server.start()
    await using rig = await start(counting)
    const sent = contents(40, 900)
    rig.client.send(...sent.map((data, i) => datagram(server.port, data, 7000 + (i % 4))))
    await until(() => server.heard.length === 40)
    expect(calls).toEqual([1, 1, 1, 1])
    for (let flow = 0; flow < 4; flow++) {
      const own = server.heard.filter((bytes) => (bytes[0] as number) % 4 === flow)
      expect(own.map((bytes) => bytes[0])).toEqual(own.map((_, i) => flow + i * 4))
    }
  })

  test('more than there is room for at once goes in several rounds', async () => {
    const server = await Server.start()
    await using rig = await start(counting)
    const sent = contents(1500, 10)
    rig.client.send(...sent.map((data) => datagram(server.port, data)))
    await until(() => server.heard.length === 1500)
    expect(server.heard).toEqual(sent.map((data) => Buffer.from(data)))
  })

  test.each([
    [Errno.EIO, 'of any outlet', [1, 1, 1, 1, 3, 3]],
    [Errno.EINVAL, 'of that outlet', [1, 1, 1, 1, 3, 1]],
  ])(
    'a train that is refused by errno %i goes one by one, and none %s is tried again',
    async (errno, _whose, wanted) => {
      const server = await Server.start()
      let refusals = 1
      await using rig = await start({
        sendmmsg: (fd, messages, count, flags) => {
          calls.push(count)
          return refusals-- > 0 ? -errno : nativeSystem().sendmmsg(fd, messages, count, flags)
        },
      })
      const sent = contents(3, 1200)
      for (const from of [7000, 7000, 7001]) rig.client.send(...sent.map((data) => datagram(server.port, data, from)))
      await until(() => server.heard.length === 9)
      expect(calls).toEqual(wanted)
      expect(dropped(rig)).toEqual([])
    },
  )

  test('what the system has no room for is dropped, and counted', async () => {
    await using rig = await start({ sendmmsg: () => -Errno.EAGAIN })
    rig.client.send(...contents(5, 100).map((data) => datagram(9, data)), datagram(9, new Uint8Array(0)))
    expect(dropped(rig)).toEqual([['udp-send-queue-full', 6]])
  })

  test('there is room for as many flows as the limits have, and one more is told of it', async () => {
    // More flows than a table has by itself, on sockets that are none.
    const [first, flows] = [1 << 24, 20_000]
    let next = first
    const system = nativeSystem()
    const rate = { perSecond: 1e6, burst: 1e6 }
    const limits = { flows, flowsPerPeer: flows, newFlowsPerPeer: rate }
    await using rig = await start(
      {
        socket: (family, type, protocol) =>
          (type & 0xf) === SOCK_DGRAM ? next++ : system.socket(family, type, protocol),
        bind: () => 0,
        setsockopt: () => 0,
        epollControl: (epoll, operation, fd, event) =>
          fd < first ? system.epollControl(epoll, operation, fd, event) : 0,
        sendmmsg: (_fd, _messages, count) => count,
        close: (fd) => (fd < first ? system.close(fd) : 0),
      },
      { limits, gatewayAddress: '10.9.0.1' },
    )
    for (let port = 1; port <= flows; port++) rig.client.send(datagram(9, Uint8Array.of(1), port))
    expect(dropped(rig)).toEqual([])
    expect(rig.end.statistics()).toMatchObject({ flows, udpFlows: flows })
    rig.client.send(datagram(9, Uint8Array.of(1), flows + 1))
    expect(dropped(rig)).toContainEqual(['peer-flows-exhausted', 1])
    expect(rig.client.others).toHaveLength(1)
  })

  test('what may not go there is told to the client', async () => {
    await using rig = await start({ sendmmsg: () => -Errno.EPERM }, { allow: ['192.0.2.9/32'] })
    const question = 'UDP 10.9.0.2:7000 > 192.0.2.9:9'
    rig.client.send(packetFromText(question))
    await until(() => rig.client.others.length === 1)
    expect(dropped(rig)).toContainEqual(['udp-not-delivered', 1])
    expect(describeBytes(rig.client.others[0] as Uint8Array)).toBe(`ICMP 192.0.2.9 > 10.9.0.2 3/13 about ${question}`)
  })

  test('a train that comes in is one packet for the client', async () => {
    const system = nativeSystem()
    const [server, to] = [nativeServer(system), await freePort()]
    await using rig = await RelayRig.start({ ports: [to, to] })
    const packets: [segmentSize: number, segments: number, length: number][] = []
    rig.client.watch = ({ segmentSize, segments, length }) => packets.push([segmentSize, segments, length])
    try {
      rig.client.send(datagram(server.port, Uint8Array.of(1)))
      await until(() => system.recv(server.fd, system.addressOf(new Uint8Array(64)), 64, 0) === 1)
      server.sendTrain(to, new Uint8Array(10_000).fill(7), 1200)
      await until(() => packets.length > 0)
      expect(packets).toEqual([[1200, 9, 10_028]])
      expect((rig.client.others[0] as Uint8Array).subarray(28)).toEqual(new Uint8Array(10_000).fill(7))
    } finally {
      system.close(server.fd)
    }
  })

  test('a wait on a thread does as well, with more sockets than there are threads', async () => {
    const server = await Server.start()
    server.socket.on('message', (bytes, { port, address }) => server.socket.send(bytes, port, address))
    await using rig = await start({ eventLoop: undefined })
    rig.client.send(...contents(200, 20).map((data, i) => datagram(server.port, data, 7000 + i)))
    await until(() => rig.client.others.length === 200)
    await rig.stop()
    expect(rig.running.pool.inUse).toBe(0)
  })
})

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** A socket at the server's address that sends trains. */
function nativeServer(system: SystemCalls): {
  fd: number
  port: number
  sendTrain(to: number, data: Uint8Array, size: number): void
} {
  const fd = system.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)
  const name = (address: readonly number[], port: number): Uint8Array =>
    Uint8Array.from([AF_INET, 0, port >> 8, port, ...address, 0, 0, 0, 0, 0, 0, 0, 0])
  const own = name([127, 0, 0, 2], 0)
  expect(system.bind(fd, system.addressOf(own), own.length)).toBe(0)
  system.getsockname(fd, system.addressOf(own), system.addressOf(Uint8Array.of(own.length, 0, 0, 0)))
  return {
    fd,
    port: (own[2] as number) * 256 + (own[3] as number),
    sendTrain(to, data, size) {
      const value = Uint8Array.of(size, size >> 8, 0, 0)
      expect(system.setsockopt(fd, SOL_UDP, UDP_SEGMENT, system.addressOf(value), 4)).toBe(0)
      const remote = name([127, 0, 0, 1], to)
      const sent = system.sendto(fd, system.addressOf(data), data.length, 0, system.addressOf(remote), remote.length)
      expect(sent).toBe(data.length)
    },
  }
}
