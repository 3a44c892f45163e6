import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type IpPacket, type RunningStack, tap } from '@millrace/core'
import { decodePacket } from '@millrace/core/testing'
import { canEnterNetworkNamespace, enterNetworkNamespace, nativeSystem } from '@millrace/native/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TunHandle } from './handle.ts'
import { TunOffload } from './offload.ts'
import type { TunOptions } from './options.ts'
import { hex, pattern } from './test-support/packets.ts'
import { TwoHosts } from './test-support/two-hosts.ts'
import { UdpSocket } from './test-support/udp-socket.ts'

const runnable = existsSync('/dev/net/tun') && canEnterNetworkNamespace()
const segmentsUdp = runnable && hasUdpOffload()
const SIZE = 8 << 20

function hasUdpOffload(): boolean {
  const namespace = enterNetworkNamespace()
  const handle = TunHandle.create(nativeSystem(), 'probe')
  const { udp } = new TunOffload(handle, { tcp: true, udp: true }, () => {})
  handle.close()
  namespace.leave()
  return udp
}

/** Takes one connection on port 5001, and says the hash of what came. */
const RECEIVER = `
const hash = require('node:crypto').createHash('sha256')
const server = require('node:net').createServer((socket) => {
  socket.on('data', (data) => hash.update(data))
  socket.on('end', () => { console.log(hash.digest('hex')); socket.end(); server.close() })
})
server.listen(5001, process.argv[1], () => console.log('listening'))`

/** Sends as many bytes as it is told to an address, and says their hash. */
const SENDER = `
const data = require('node:crypto').randomBytes(Number(process.argv[2]))
const socket = require('node:net').connect(5001, process.argv[1], () => socket.end(data))
socket.on('close', () => console.log(require('node:crypto').createHash('sha256').update(data).digest('hex')))
socket.resume()`

async function* lines(child: ChildProcess): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of child.stdout ?? []) {
    const parts = `${rest}${chunk}`.split('\n')
    rest = parts.pop() as string
    yield* parts
  }
}

describe.skipIf(!runnable)('between two kernels (needs root, koffi, /dev/net/tun)', () => {
  let hosts: TwoHosts
  let running: RunningStack
  let packets: number
  let segments: number
  let ordinary: number
  const children: ChildProcess[] = []

  beforeEach(() => {
    hosts = new TwoHosts()
    packets = segments = ordinary = 0
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await hosts.close()
    expect(running.pool.inUse).toBe(0)
  })

  const watch = tap<IpPacket>((packet) => {
    packets++
    segments += packet.segments
    if (packet.segmentSize !== 0) return
    // It throws where a checksum is wrong, and the packet would be a drop.
    decodePacket(packet.bytes())
    ordinary++
  })

  async function join(left: TunOptions, right: TunOptions): Promise<void> {
    running = await hosts.join(left, right, watch)
  }

  async function transfer(address: string): Promise<void> {
    const receiver = hosts.right.run(RECEIVER, address)
    children.push(receiver)
    const heard = lines(receiver)
    expect((await heard.next()).value).toBe('listening')
    const sender = hosts.left.run(SENDER, address, String(SIZE))
    children.push(sender)
    const [sent, received] = await Promise.all([lines(sender).next(), heard.next()])
    expect(received.value).toMatch(/^[0-9a-f]{64}$/)
    expect(received.value).toBe(sent.value)
    for (const { drops } of running.edges()) expect(drops).toEqual({})
  }

  describe.each(['10.9.0.2', 'fd09::2'])('TCP to %s arrives', (address) => {
    test('in super-packets', async () => {
      await join({}, {})
      await transfer(address)
      expect(ordinary).toBeGreaterThan(3)
      expect(segments).toBeGreaterThan(SIZE / 1420)
      expect(packets).toBeLessThan(segments / 4)
    })

    test('in super-packets that are cut for a device that does not take them', async () => {
      await join({}, { offload: false })
      await transfer(address)
      expect(packets).toBeLessThan(segments / 2)
    })

    test('packet by packet, without offload', async () => {
      await join({ offload: false }, { offload: { tcp: false } })
      await transfer(address)
      expect(segments).toBeGreaterThan(SIZE / 1420)
      expect([packets, ordinary]).toEqual([segments, segments])
    })
  })

  describe.skipIf(!segmentsUdp).each([
    ['10.9.0.1', '10.9.0.2'],
    ['fd09::1', 'fd09::2'],
  ])('UDP from %s in one piece (needs Linux 6.2)', (from, to) => {
    const bytes = pattern(30_500)
    const datagrams = Array.from({ length: 31 }, (_, i) => hex(bytes.subarray(i * 1000, i * 1000 + 1000)))

    async function send(): Promise<string[]> {
      const sender = hosts.left.inside(() => new UdpSocket(from, 5001))
      const receiver = hosts.right.inside(() => new UdpSocket(to, 5002))
      sender.sendSegments(bytes, 1000, to, 5002)
      const received: string[] = []
      for (let turn = 0; turn < 20_000 && received.length < 31; turn++) {
        const datagram = receiver.receive()
        if (datagram !== undefined) received.push(hex(datagram))
        else await new Promise((next) => setImmediate(next))
      }
      sender.close()
      receiver.close()
      return received
    }

    test('arrives as the datagrams it stands for', async () => {
      await join({}, {})
      expect(await send()).toEqual(datagrams)
      expect([packets, segments]).toEqual([1, 31])
    })

    test('is cut for a device that does not take it', async () => {
      await join({}, { offload: { udp: false } })
      expect(await send()).toEqual(datagrams)
      expect([packets, segments]).toEqual([1, 31])
    })

    test('is cut by the kernel where it is not asked for', async () => {
      await join({ offload: { udp: false } }, {})
      expect(await send()).toEqual(datagrams)
      expect([packets, segments, ordinary]).toEqual([31, 31, 31])
    })
  })
})
