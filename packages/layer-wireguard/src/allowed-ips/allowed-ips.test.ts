import {
  asPeerPacket,
  Batch,
  type Context,
  type Endpoint,
  type IpPacket,
  type Packet,
  PacketPool,
  type PeerPacket,
  parsePrefix,
  type Service,
  stack,
} from '@millrace/core'
import { ipv4, ipv6, MemoryHost, pooledPacket, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import type { PeerState } from '../device/peer.ts'
import { type AllowedIpTable, allowedIps } from './allowed-ips.ts'
import { PrefixTable } from './prefix-table.ts'

const dns = udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'question')
const from = (source: string): Uint8Array =>
  source.includes(':')
    ? ipv6({ source, destination: '2001:db8::53' }, dns)
    : ipv4({ source, destination: '9.9.9.9' }, dns)
const to = (destination: string): Uint8Array =>
  destination.includes(':') ? ipv6({ source: '::1', destination }, dns) : ipv4({ source: '9.9.9.9', destination }, dns)
const peerNamed = (name: string): PeerState => ({ name }) as PeerState
const [office, laptop, stranger] = [peerNamed('office'), peerNamed('laptop'), peerNamed('stranger')]

/** The layer alone, over a table in which the laptop's address lies inside of what the office has. */
class Rig {
  readonly pool = new PacketPool({ slots: 8, jumboSlots: 0 })
  readonly out: { bytes: Uint8Array; peer: string | undefined; kind: string }[] = []
  readonly drops: Record<string, number> = {}
  readonly #up: Service<PeerPacket>
  readonly #down: Service<IpPacket>

  constructor() {
    const table: AllowedIpTable = new PrefixTable()
    for (const prefix of ['10.0.0.0/24', 'fd00::/64']) table.insert(parsePrefix(prefix), office)
    for (const prefix of ['10.0.0.5/32', 'fd00::5/128']) table.insert(parsePrefix(prefix), laptop)
    const layer = allowedIps()
    const sink: Service<Packet> = {
      serve: (batch) => {
        for (const packet of batch)
          this.out.push({ bytes: packet.bytes().slice(), peer: packet.peer?.name, kind: packet.kind })
      },
    }
    this.#up = layer.up.layer(sink)
    this.#down = layer.down.layer(sink)
    const context: Partial<Context> = { require: <T>() => table as T }
    layer.start?.(context as Context)
  }

  up(peer: PeerState, ...packets: readonly Uint8Array[]): void {
    const batch = this.#batch<PeerPacket>()
    for (const bytes of packets) batch.push(asPeerPacket(this.#packet(bytes, peer)))
    this.#up.serve(batch)
    for (const packet of batch) packet.release()
  }

  down(...packets: readonly Uint8Array[]): void {
    const batch = this.#batch<IpPacket>()
    for (const bytes of packets) batch.push(pooledPacket(this.pool, bytes, { direction: 'down' }))
    this.#down.serve(batch)
    for (const packet of batch) packet.release()
  }

  #batch<P extends Packet>(): Batch<P> {
    const batch = new Batch<P>()
    batch.drops = {
      count: (reason, packets) => {
        this.drops[reason] = (this.drops[reason] ?? 0) + packets
      },
    }
    return batch
  }

  #packet(bytes: Uint8Array, peer: PeerState): Packet {
    const packet = this.pool.acquire(bytes.length)
    if (packet === undefined) throw new Error('the pool is large enough')
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    packet.peer = peer
    return packet
  }
}

const truncated = from('10.0.0.5').subarray(0, 30)
const padded = Buffer.concat([from('10.0.0.5'), Buffer.alloc(16)])

describe('up', () => {
  test.each([
    ['its own address', laptop, from('10.0.0.5'), undefined],
    ['its own IPv6 address', laptop, from('fd00::5'), undefined],
    ['an address of its network', office, from('10.0.0.4'), undefined],
    ["another peer's more specific prefix inside its own network", office, from('10.0.0.5'), 'source-not-allowed'],
    ["another peer's more specific IPv6 prefix", office, from('fd00::5'), 'source-not-allowed'],
    ["another peer's network", laptop, from('10.0.0.4'), 'source-not-allowed'],
    ["nobody's address", laptop, from('10.0.1.5'), 'source-not-allowed'],
    ['anything, of one without prefixes', stranger, from('10.0.0.5'), 'source-not-allowed'],
    ['nothing at all', laptop, new Uint8Array(0), 'empty-packet'],
    ['no IP packet', laptop, new Uint8Array(40).fill(0x30), 'not-ip'],
    ['a header cut short', laptop, from('10.0.0.5').subarray(0, 19), 'ip-header-truncated'],
    ['an IPv6 header cut short', laptop, from('fd00::5').subarray(0, 39), 'ip-header-truncated'],
    ['a packet cut short', laptop, truncated, 'ip-packet-truncated'],
  ])('%s: %#', (_what, peer, bytes, reason) => {
    const rig = new Rig()
    rig.up(peer, bytes)
    expect(rig.drops).toEqual(reason === undefined ? {} : { [reason]: 1 })
    expect(rig.out).toEqual(
      reason === undefined ? [{ bytes: Uint8Array.from(bytes), peer: peer.name, kind: 'ip' }] : [],
    )
    expect(rig.pool.inUse).toBe(0)
  })

  test('cuts the padding off', () => {
    const rig = new Rig()
    rig.up(laptop, padded)
    expect(rig.out.map(({ bytes }) => bytes)).toEqual([from('10.0.0.5')])
  })

  test('lets the good ones of a batch pass, in order', () => {
    const rig = new Rig()
    rig.up(office, from('10.0.0.1'), from('10.0.0.5'), from('10.0.0.2'), truncated, from('10.0.0.3'))
    expect(rig.out.map(({ bytes }) => bytes)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(from))
    expect(rig.drops).toEqual({ 'source-not-allowed': 1, 'ip-packet-truncated': 1 })
  })
})

describe('down', () => {
  test.each([
    ['10.0.0.5', 'laptop'],
    ['10.0.0.4', 'office'],
    ['fd00::5', 'laptop'],
    ['fd00::6', 'office'],
    ['10.0.1.5', undefined],
    ['fd01::5', undefined],
  ])('to %s: %s', (destination, peer) => {
    const rig = new Rig()
    rig.down(to(destination))
    expect(rig.out.map((packet) => [packet.peer, packet.kind])).toEqual(peer === undefined ? [] : [[peer, 'peer']])
    expect(rig.drops).toEqual(peer === undefined ? { 'no-peer-for-destination': 1 } : {})
  })
})

test('without wireguard() below it does not start, and says why', async () => {
  const line = allowedIps()
  const wire: Endpoint<PeerPacket> = { connect: () => ({ serve() {} }) }
  const start = stack(wire).layer(line).end(new MemoryHost()).start()
  await expect(start).rejects.toThrow('allowedIps() needs a wireguard() line further down, towards the wire')
})
