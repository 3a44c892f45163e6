import { Batch, type IpPacket } from '@millrace/core'
import {
  decodePacket,
  icmpEcho,
  ipv4,
  LayerRig,
  pooledPacket,
  type Transport,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'

interface Flow {
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  readonly host: number
  readonly port: number
  readonly remote: number
  readonly remotePort: number
  readonly data: Uint8Array
  readonly ttl: number
}

const flow: fc.Arbitrary<Flow> = fc.record({
  protocol: fc.constantFrom('tcp', 'udp', 'icmp'),
  host: fc.integer({ min: 1, max: 4 }),
  port: fc.oneof(fc.constantFrom(0, 1, 65_535), fc.nat(8)),
  remote: fc.integer({ min: 1, max: 3 }),
  remotePort: fc.constantFrom(0, 53, 80, 65_535),
  data: fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.constantFrom(new Uint8Array(6).fill(255), new Uint8Array(6))),
  ttl: fc.integer({ min: 3, max: 255 }),
})

function packetOf({ protocol, host, port, remote, remotePort, data, ttl }: Flow): Uint8Array {
  const ports = { sourcePort: port, destinationPort: remotePort }
  let transport: Transport
  if (protocol === 'tcp') transport = tcpSegment({ ...ports, flags: 'SYN' }, data)
  else if (protocol === 'udp') transport = udpSegment(ports, data)
  else transport = icmpEcho({ type: 'request', identifier: port }, data)
  return ipv4(
    { source: `10.0.0.${host}`, destination: `198.51.100.${remote}`, ttl, id: 7, tos: 0xb8, dontFragment: true },
    transport,
  )
}

/** The same bytes on the way back: addresses and ports change places, which leaves every sum as it is; echo is answered. */
function mirror(bytes: Uint8Array): Uint8Array {
  const { source, destination, protocol, payload, identifier, ttl } = decodePacket(bytes)
  if (protocol === 1) {
    const type = bytes[20] === 8 ? 'reply' : 'request'
    const fields = { source: destination, destination: source, ttl, id: 7, tos: 0xb8, dontFragment: true }
    return ipv4(fields, icmpEcho({ type, identifier: identifier! }, payload))
  }
  const mirrored = bytes.slice()
  mirrored.copyWithin(12, 16, 20)
  mirrored.set(bytes.subarray(12, 16), 16)
  mirrored.copyWithin(20, 22, 24)
  mirrored.set(bytes.subarray(20, 22), 22)
  return mirrored
}

/** All bytes but TTL and header checksum, which is checked by `decodePacket`. */
function withoutTtl(bytes: Uint8Array): number[] {
  decodePacket(bytes)
  return Array.from(bytes).filter((_, i) => i !== 8 && i !== 10 && i !== 11)
}

describe('properties of nat', () => {
  test('every checksum equals the one computed anew, and undoing what was done gives what was sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(flow, { minLength: 1, maxLength: 20 }), fc.nat(), async (flows, seed) => {
        const rig = await LayerRig.start(nat({ address: '203.0.113.7' }), { seed })
        for (const each of flows) {
          const sent = packetOf(each)
          rig.up(sent)
          const outside = rig.take()[0]!.bytes
          expect(decodePacket(outside)).toMatchObject({ source: '203.0.113.7', ttl: each.ttl - 1 })
          rig.down(mirror(outside))
          const inside = rig.take()[0]!.bytes
          expect(decodePacket(inside).ttl).toBe(each.ttl - 2)
          expect(withoutTtl(mirror(inside))).toEqual(withoutTtl(sent))
        }
        expect(rig.drops.size).toBe(0)
      }),
      { numRuns: 40 },
    )
  })

  test('no two sessions share an outside tuple, and no session changes its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(flow, { maxLength: 120, size: 'max' }), fc.nat(), async (flows, seed) => {
        // Few ports, so that they are used again and run out; no time passes, so that every session lives.
        const rig = await LayerRig.start(nat({ address: '203.0.113.7', ports: [4000, 4007] }), { seed })
        const insideOf = new Map<string, string>()
        const outsideOf = new Map<string, string>()
        for (const each of flows) {
          const sent = packetOf(each)
          rig.up(sent)
          const output = rig.take().find(({ direction }) => direction === 'up')
          if (output === undefined) continue
          const [inside, outside] = [sent, output.bytes].map((bytes) => {
            const { protocol, source, destination, sourcePort, destinationPort, identifier } = decodePacket(bytes)
            return [protocol, source, sourcePort ?? identifier, destination, destinationPort].join()
          }) as [string, string]
          expect(insideOf.get(outside) ?? inside).toBe(inside)
          expect(outsideOf.get(inside) ?? outside).toBe(outside)
          insideOf.set(outside, inside)
          outsideOf.set(inside, outside)
        }
        for (const reason of rig.drops.keys()) expect(reason).toBe('ports-exhausted')
      }),
      { numRuns: 40 },
    )
  })

  test('UDP and echo have one outside port for each inside endpoint, whomever they talk to', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(flow, { maxLength: 60, size: 'max' }), async (flows) => {
        const rig = await LayerRig.start(nat({ address: '203.0.113.7' }))
        const ports = new Map<string, number | undefined>()
        for (const each of flows.filter(({ protocol }) => protocol !== 'tcp')) {
          rig.up(packetOf(each))
          const sent = decodePacket(rig.take()[0]!.bytes)
          const port = sent.sourcePort ?? sent.identifier
          const endpoint = [each.protocol, each.host, each.port].join()
          expect(port).toBe(ports.get(endpoint) ?? port)
          ports.set(endpoint, port)
        }
        for (const protocol of ['udp', 'icmp']) {
          const taken = [...ports].filter(([endpoint]) => endpoint.startsWith(protocol)).map(([, port]) => port)
          expect(new Set(taken).size).toBe(taken.length)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('a super-packet is rewritten as one, its segment size unchanged', async () => {
    const layer = nat({ address: '203.0.113.7' })
    const rig = await LayerRig.start(layer)
    const fields = { source: '10.0.0.2', destination: '198.51.100.7' }
    rig.up(ipv4(fields, tcpSegment({ sourcePort: 5000, destinationPort: 80, flags: 'SYN' })))
    const { sourcePort } = decodePacket(rig.take()[0]!.bytes)
    const data = new Uint8Array(60_000).fill(0x5a)
    const packet = pooledPacket(rig.pool, ipv4(fields, tcpSegment({ sourcePort: 5000, destinationPort: 80 }, data)))
    packet.segmentSize = 1380
    const batch = new Batch<IpPacket>()
    batch.push(packet)
    const seen: IpPacket[] = []
    layer.up.layer({ serve: (served) => void seen.push(served.at(0)) }).serve(batch)
    expect(seen).toEqual([packet])
    expect(packet.segmentSize).toBe(1380)
    expect(decodePacket(packet.bytes())).toMatchObject({ source: '203.0.113.7', sourcePort, payload: data })
    packet.release()
  })
})
