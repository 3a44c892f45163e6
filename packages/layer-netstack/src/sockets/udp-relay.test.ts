import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { decodePacket, describeBytes, ipv4, ipv6, payload, udpSegment } from '@millrace/core/testing'
import { loadNative } from '@millrace/native'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RelayRig, SERVER, until } from '../test-support/relay-rig.ts'
import type { SocketsEvent } from './flow-notes.ts'
import type { SocketsOptions } from './options.ts'

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

/** A server on loopback that answers with what it got, and notes from where. */
async function echoServer(
  address = SERVER,
  egress = '127.0.0.1',
): Promise<{ port: number; from: number[]; socket: Socket }> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  open.push(socket)
  socket.bind(0, address)
  await once(socket, 'listening')
  const from: number[] = []
  socket.on('message', (bytes, { port, address: source }) => {
    expect(source).toBe(egress)
    from.push(port)
    socket.send(bytes, port, source)
  })
  return { port: socket.address().port, from, socket }
}

function datagram(
  sourcePort: number,
  destinationPort: number,
  data: string | Uint8Array,
  source = '10.9.0.2',
): Uint8Array {
  return ipv4({ source, destination: SERVER }, udpSegment({ sourcePort, destinationPort }, data))
}

/** Source port, destination, its port, and payload as text, of each datagram that the client got. */
function received(rig: RelayRig): unknown[][] {
  return rig.client.others.map((bytes) => {
    const at = bytes.subarray(28)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    return [view.getUint16(20), [...bytes.subarray(16, 20)].join('.'), view.getUint16(22), Buffer.from(at).toString()]
  })
}

/** A process that may have a million descriptors is not to use them up. */
function descriptorLimit(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1])
  } catch {
    return Number.NaN
  }
}

const canRunOut = descriptorLimit() <= 65_536

function takeAllDescriptors(): number[] {
  const taken: number[] = []
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch {
    return taken
  }
}

const hasSystemCalls = loadNative().system !== undefined

describe.each([
  ['by system calls (needs Linux, koffi)', true],
  ['by node:dgram', false],
])('%s', (_way, native) => {
  beforeEach(({ skip }) => skip(native && !hasSystemCalls, 'needs Linux, koffi'))
  const start = (options: SocketsOptions = {}): Promise<RelayRig> =>
    RelayRig.start({ ...options, udp: { ...options.udp, ...(native ? {} : { native }) } })

  test('a datagram goes to the server and its answer to the client', async () => {
    await using rig = await start()
    const { port } = await echoServer()
    rig.client.send(datagram(7000, port, 'question'))
    await until(() => rig.client.others.length === 1)
    expect(received(rig)).toEqual([[port, '10.9.0.2', 7000, 'question']])
    expect(decodePacket(rig.client.others[0] as Uint8Array)).toBeDefined()
    expect(rig.end.statistics()).toMatchObject({ flows: 1, udpFlows: 1 })
    expect(rig.running.pool.inUse).toBe(0)
  })

  test('all destinations of one port see the same source port, those of another port another', async () => {
    await using rig = await start()
    const [one, other] = [await echoServer(), await echoServer()]
    rig.client.send(datagram(7000, one.port, 'a'), datagram(7000, other.port, 'b'), datagram(7001, one.port, 'c'))
    await until(() => rig.client.others.length === 3)
    expect(one.from[0]).toBe(other.from[0])
    expect(new Set([...one.from, ...other.from]).size).toBe(2)
  })

  test('each client gets the answers to its own questions, whoever asks the same server', async () => {
    await using rig = await start()
    const { port } = await echoServer()
    const clients = Array.from({ length: 20 }, (_, i) => `10.9.0.${i + 2}`)
    rig.client.send(...clients.map((client) => datagram(7000, port, `for ${client}`, client)))
    await until(() => rig.client.others.length === 20)
    for (const [, client, , text] of received(rig)) expect(text).toBe(`for ${client}`)
  })

  test('the gateway answers questions about names by a server that clients do not reach themselves', async () => {
    const { port, from } = await echoServer('127.0.0.9')
    const names = { nameServer: `127.0.0.9:${port}`, gatewayAddress: '10.9.0.1' }
    await using rig = await start(names)
    const question = (to: string, port: number): Uint8Array =>
      ipv4({ source: '10.9.0.2', destination: to }, udpSegment({ sourcePort: 7000, destinationPort: port }, 'a name'))
    rig.client.send(question('10.9.0.1', 53))
    await until(() => rig.client.others.length === 1)
    expect(received(rig)).toEqual([[53, '10.9.0.2', 7000, 'a name']])
    expect([...(rig.client.others[0] as Uint8Array).subarray(12, 16)]).toEqual([10, 9, 0, 1])
    // Neither the server by its own address, nor another port of the gateway's.
    rig.client.send(question('127.0.0.9', port), question('10.9.0.1', 54))
    await until(() => rig.client.others.length === 3)
    expect(from).toHaveLength(1)
  })

  test('a question goes to a server of its own family only, at the address of the other nobody answers', async () => {
    const { port, from } = await echoServer('::1', '::1')
    const gatewayAddress = ['10.9.0.1', 'fd00::1']
    await using rig = await start({ egressIp: ['127.0.0.1', '::1'], nameServer: `[::1]:${port}`, gatewayAddress })
    const question = udpSegment({ sourcePort: 7000, destinationPort: 53 }, 'a name')
    rig.client.send(ipv4({ source: '10.9.0.2', destination: '10.9.0.1' }, question))
    rig.client.send(ipv6({ source: 'fd00::2', destination: 'fd00::1' }, question))
    await until(() => rig.client.others.length === 2)
    expect(rig.client.others.map((bytes) => describeBytes(bytes))).toEqual([
      'ICMP 10.9.0.1 > 10.9.0.2 3/3 about UDP 10.9.0.2:7000 > 10.9.0.1:53',
      'UDP [fd00::1]:53 > [fd00::2]:7000',
    ])
    expect(from).toHaveLength(1)
  })

  test('a name server to which there is no way is a drop, and nothing throws', async () => {
    // From loopback no socket gets there: the system refuses to connect.
    await using rig = await start({ nameServer: '198.51.100.1', gatewayAddress: '10.9.0.1' })
    const question = ipv4(
      { source: '10.9.0.2', destination: '10.9.0.1' },
      udpSegment({ sourcePort: 7000, destinationPort: 53 }, 'a name'),
    )
    rig.client.send(question, question)
    await until(() => rig.running.drops().length > 0)
    expect(rig.running.drops().map(({ reason }) => reason)).not.toContain('layer-threw')
    await until(() => rig.running.pool.inUse === 0)
  })

  test('what was not asked for does not reach the client', async () => {
    await using rig = await start()
    const { port, from } = await echoServer()
    const stranger = createSocket('udp4')
    open.push(stranger)
    rig.client.send(datagram(7000, port, 'question'))
    await until(() => rig.client.others.length === 1)
    stranger.send('from another port', from[0] as number, '127.0.0.1')
    await until(() => rig.running.drops().some(({ reason }) => reason === 'udp-filtered'))
    expect(rig.client.others).toHaveLength(1)
  })

  test('datagrams larger than a packet arrive whole, both ways', async () => {
    await using rig = await start()
    const { port } = await echoServer()
    const data = Uint8Array.from({ length: 4000 }, (_, i) => i * 7)
    const whole = datagram(7000, port, data)
    const part = (from: number, to: number, moreFragments: boolean): Uint8Array =>
      ipv4(
        { source: '10.9.0.2', destination: SERVER, id: 3, fragmentOffset: from, moreFragments },
        payload(17, whole.subarray(20 + from, 20 + to)),
      )
    rig.client.send(part(0, 1400, true), part(2800, 4008, false), part(1400, 2800, true))
    await until(() => rig.client.others.length === 3)
    const answer = Buffer.concat(rig.client.others.map((bytes) => bytes.subarray(20)))
    expect(answer.subarray(8)).toEqual(Buffer.from(data))
  })

  test('a flow that is idle gives its socket back', async () => {
    await using rig = await start({ udp: { idleTimeout: 600, dnsIdleTimeout: 600 } })
    const { port, from } = await echoServer()
    rig.client.send(datagram(7000, port, 'question'))
    await until(() => rig.client.others.length === 1)
    await until(() => rig.end.statistics()?.flows === 0)
    expect(rig.end.statistics()?.udpFlows).toBe(0)
    const rebound = createSocket('udp4')
    open.push(rebound)
    rebound.bind({ port: from[0] as number, address: '127.0.0.1', exclusive: true })
    await once(rebound, 'listening')
  })

  test('connected sockets hear that a port is closed', async () => {
    await using rig = await start({ udp: { connected: true }, allow: ['127.0.0.0/8'] })
    const { port, socket } = await echoServer()
    rig.client.send(datagram(7000, port, 'question'))
    await until(() => rig.client.others.length === 1)
    socket.close()
    open.splice(open.indexOf(socket), 1)
    rig.client.send(datagram(7000, port, 'and now'))
    await until(() => rig.running.drops().some(({ reason }) => reason === 'udp-not-delivered'))
    // No ICMP error is about loopback: what the client hears is in kernel.test.ts.
    expect(rig.client.others).toHaveLength(1)
  })

  test('of unconnected ones nothing is said, and nothing breaks', async () => {
    await using rig = await start()
    const { port } = await echoServer()
    rig.client.send(datagram(7000, 1, 'nobody there'))
    rig.client.send(datagram(7000, port, 'question'))
    await until(() => rig.client.others.length === 1)
    expect(received(rig)).toEqual([[port, '10.9.0.2', 7000, 'question']])
  })

  test('who has his share of flows gets no more, and hears of it', async () => {
    await using rig = await start({ limits: { flowsPerPeer: 2 }, gatewayAddress: '10.9.0.1' })
    const { port } = await echoServer()
    rig.client.peer = { name: 'alice' }
    rig.client.send(...[7000, 7001, 7002].map((from) => datagram(from, port, 'x')))
    await until(() => rig.client.others.length === 3)
    const errors = rig.client.others.filter((bytes) => bytes[9] === 1).map((bytes) => describeBytes(bytes))
    expect(errors).toEqual([`ICMP 10.9.0.1 > 10.9.0.2 3/1 about UDP 10.9.0.2:7002 > ${SERVER}:${port}`])
    expect(rig.end.statistics()).toMatchObject({ flows: 2, udpFlows: 2 })
  })

  test('the ports of its range that others have are passed over', async () => {
    const taken = createSocket('udp4')
    open.push(taken)
    taken.bind({ port: 0, address: '127.0.0.1', exclusive: true })
    await once(taken, 'listening')
    const first = Math.min(taken.address().port, 65_534)
    await using rig = await start({ ports: [first, first + 1] })
    const { port, from } = await echoServer()
    rig.client.send(datagram(7000, port, 'question'))
    await until(() => rig.client.others.length === 1)
    expect(from).toEqual([first + 1])
  })

  test('a stop closes all sockets', async () => {
    const rig = await start()
    const { port, from } = await echoServer()
    rig.client.send(...Array.from({ length: 50 }, (_, i) => datagram(7000 + i, port, 'x')))
    await until(() => rig.client.others.length === 50)
    await rig.stop()
    for (const one of from) {
      const socket = createSocket('udp4')
      open.push(socket)
      socket.bind({ port: one, address: '127.0.0.1', exclusive: true })
      await once(socket, 'listening')
    }
    expect(new Set(from).size).toBe(50)
    expect(rig.running.pool.inUse).toBe(0)
  })

  test.skipIf(!canRunOut)('without descriptors a flow is refused, and told of (needs a limit to them)', async () => {
    await using rig = await start()
    const { port } = await echoServer()
    const events: SocketsEvent[] = []
    rig.end.events.subscribe((event) => events.push(event))
    const taken = takeAllDescriptors()
    rig.client.send(datagram(7000, port, 'one too many'))
    for (const fd of taken) closeSync(fd)
    expect(events).toMatchObject([{ type: 'flows-refused', reason: 'descriptors-exhausted', protocol: 17, refused: 1 }])
    expect(rig.end.statistics()).toMatchObject({ flows: 0, udpFlows: 0 })
    expect(rig.running.drops()).toMatchObject([{ reason: 'descriptors-exhausted', packets: 1 }])
    rig.client.send(datagram(7000, port, 'again'))
    await until(() => rig.client.others.length === 1)
    expect(received(rig)).toEqual([[port, '10.9.0.2', 7000, 'again']])
  })
})
