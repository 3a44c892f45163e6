import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Context, DuplexLayer, Endpoint, Service } from '../contract/index.ts'
import { parseSocketAddress } from '../ip/address.ts'
import { parseIp } from '../ip/parse-ip.ts'
import { Burst } from '../packet/burst.ts'
import { asDatagram, asIpPacket } from '../packet/kind.ts'
import type { Datagram, IpPacket, Packet } from '../packet/packet.ts'
import type { PoolOptions } from '../packet/pool.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'
import type { RunningStack } from '../stack/running-stack.ts'
import { stack } from '../stack/stack.ts'
import { ipv4, tcpSegment } from '../testing/packets.ts'
import { singly } from './singly.ts'

const HEADERS = 40

/** Either end of a stack: sends what it is told, keeps what it is given. */
class End<P extends Packet> implements Endpoint<P> {
  readonly received: { bytes: string; segmentSize: number }[] = []
  #stack: Service<P> | undefined
  #context: Context | undefined

  connect(stack: Service<P>): Service<P> {
    this.#stack = stack
    return {
      serve: (batch) => {
        for (const packet of batch) this.received.push({ bytes: hex(packet.bytes()), segmentSize: packet.segmentSize })
      },
    }
  }

  start(context: Context): void {
    this.#context = context
  }

  send(bytes: Uint8Array, segmentSize: number, segmentHeader: number, as: (packet: PooledPacket) => P): void {
    const burst = new Burst<P>((this.#context as Context).pool)
    const packet = burst.acquire(bytes.length) as PooledPacket
    packet.memory.set(bytes, packet.offset)
    Object.assign(packet, { length: bytes.length, segmentSize, segmentHeader })
    burst.push(as(packet))
    burst.serve(this.#stack as Service<P>)
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const ip = (packet: PooledPacket): IpPacket => {
  expect(parseIp(packet)).toBeUndefined()
  return asIpPacket(packet)
}
const from = parseSocketAddress('192.0.2.9:9')
const datagram = (packet: PooledPacket): Datagram => Object.assign(asDatagram(packet), { remote: from })

/** A TCP segment of a stream whose first has the sequence number 7 and the IPv4 identification 3. */
function segment(data: Uint8Array, index: number, size: number, flags: string): Uint8Array {
  return ipv4(
    { source: '10.0.0.1', destination: '10.0.0.2', id: 3 + index },
    tcpSegment({ sourcePort: 1, destinationPort: 2, sequence: 7 + index * size, flags }, data),
  )
}

class Seen<P extends Packet> implements DuplexLayer<P> {
  readonly packets: string[] = []
  readonly #look = {
    layer: (inner: Service<P>): Service<P> => ({
      serve: (batch) => {
        for (const packet of batch)
          this.packets.push(`${packet.direction} ${packet.segmentSize} ${hex(packet.bytes())}`)
        inner.serve(batch)
      },
    }),
  }
  readonly up = this.#look
  readonly down = this.#look
}

describe('a line that is served singly', () => {
  let wire: End<Datagram>
  let running: RunningStack
  afterEach(async () => {
    expect(running.pool.inUse).toBe(0)
    await running.stop()
  })

  describe('of datagrams', () => {
    let host: End<Datagram>
    let seen: Seen<Datagram>
    beforeEach(async () => {
      wire = new End()
      host = new End()
      seen = new Seen()
      running = await stack(wire).layer(singly(seen)).end(host).start()
    })

    test('sees a train as its datagrams, on both ways', () => {
      wire.send(Buffer.from('aaabbbc'), 3, 0, datagram)
      host.send(Buffer.from('ddee'), 2, 0, datagram)
      const text = (bytes: string): string => hex(Buffer.from(bytes))
      expect(seen.packets).toEqual(
        ['aaa', 'bbb', 'c']
          .map((part) => `up 0 ${text(part)}`)
          .concat(['dd', 'ee'].map((part) => `down 0 ${text(part)}`)),
      )
      expect(host.received.map(({ bytes }) => bytes)).toEqual(['aaa', 'bbb', 'c'].map(text))
      expect(wire.received.map(({ bytes }) => bytes)).toEqual(['dd', 'ee'].map(text))
    })

    test('is given ordinary packets as they are', () => {
      wire.send(Buffer.from('abc'), 0, 0, datagram)
      expect(host.received).toEqual([{ bytes: hex(Buffer.from('abc')), segmentSize: 0 }])
    })
  })

  describe('of IP packets', () => {
    const start = async (
      pool: PoolOptions = {},
    ): Promise<{ low: End<IpPacket>; high: End<IpPacket>; seen: Seen<IpPacket> }> => {
      const [low, high, seen] = [new End<IpPacket>(), new End<IpPacket>(), new Seen<IpPacket>()]
      running = await stack(low, { pool }).layer(singly(seen)).end(high).start()
      return { low, high, seen }
    }
    const data = Buffer.from('0123456789')
    const whole = segment(data, 0, 4, 'ACK PSH')
    const parts = [
      segment(data.subarray(0, 4), 0, 4, 'ACK'),
      segment(data.subarray(4, 8), 1, 4, 'ACK'),
      segment(data.subarray(8), 2, 4, 'ACK PSH'),
    ]

    test('sees the segments of a super-packet with headers of their own', async () => {
      const { low, high, seen } = await start()
      low.send(whole, 4, HEADERS, ip)
      expect(seen.packets).toEqual(parts.map((part) => `up 0 ${hex(part)}`))
      expect(high.received.map(({ bytes }) => bytes)).toEqual(parts.map(hex))
    })

    test('drops what claims to be one and is not', async () => {
      const { low, high } = await start()
      // By its own account 14 bytes of payload in segments of 4.
      low.send(whole, 4, HEADERS - 4, ip)
      expect(high.received).toEqual([])
      expect(running.edges().flatMap(({ drops }) => Object.entries(drops))).toEqual([['super-packet-malformed', 4]])
    })

    test('loses by name what there is no memory for', async () => {
      const { low, high } = await start({ slots: 3, jumboSlots: 0 })
      low.send(whole, 4, HEADERS, ip)
      expect(high.received.length).toBe(2)
      expect(running.edges().flatMap(({ drops }) => Object.entries(drops))).toEqual([['pool-empty', 1]])
    })
  })
})
