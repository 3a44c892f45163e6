import { decodePacket, packetFromText } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NatRecord } from '../session-records.ts'
import { Gateway, PEER } from '../test-support/gateway.ts'
import { type Ipv6Kind, type Ipv6Options, ipv6Kinds } from '../test-support/ipv6-kinds.ts'
import { mirror } from '../test-support/mirror.ts'

const base: Ipv6Options = {
  secret: 'the same for both',
  sessions: 512,
  filtering: { udp: 'endpoint-independent' },
}

/** Without what IPv4 routers reassemble by, which is random, and the checksum of that. */
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes[0]! >> 4 === 4) for (const at of [4, 5, 10, 11]) bytes[at] = 0
  return bytes
}

const configurations: [string, Ipv6Options, { readonly name: string } | undefined][] = [
  ['without peers', {}, undefined],
  ['with peers', {}, PEER],
  ['with port blocks, without peers', { portBlocks: { size: 64, perPeer: 2 } }, undefined],
]

describe.each(ipv6Kinds)('sessions moved to another $name', (kind: Ipv6Kind) => {
  const { make, remote, remoteInside, end } = kind
  const start = (more: Ipv6Options, seed: number, at = 0, peer?: { readonly name: string }): Promise<Gateway> =>
    Gateway.of(make({ ...base, ...more }), seed, at, peer)

  describe.each(configurations)('%s', (_name, more, peer) => {
    test('go on, byte for byte, both ways', async () => {
      const old = await start(more, 1, 5000, peer)
      const sent = [
        `TCP [fd00::2]:5000 > [${remoteInside(7)}]:443 SYN`,
        `UDP [fd00::2]:6000 > [${remoteInside(7)}]:53`,
        `ICMPv6 fd00::2 > ${remoteInside(7)} echo request 9`,
        `UDP [fd00:0:0:1::2]:6000 > [${remoteInside(7)}]:53`,
      ]
      const out = sent.map((text) => old.up(packetFromText(text))[0]!)
      const { source: address, sourcePort: port } = decodePacket(out[1]!)
      const next = await start(more, 99, 5000, peer && { name: peer.name })
      const records = old.export()
      expect(next.layer.importSessions(records)).toMatchObject({ sessions: 4, refused: {} })
      const rows = (gateway: Gateway): string[] =>
        [...gateway.layer.mappings()]
          .map((row) => JSON.stringify({ ...row, peer: typeof row.peer === 'string' ? row.peer : row.peer.name }))
          .sort()
      expect(rows(next)).toEqual(rows(old))
      const about = `UDP ${end(address, port!)} > ${end(remote(7), 53)}`
      const steps: ['up' | 'down', Uint8Array][] = [
        ...out.map((bytes) => ['down', mirror(bytes)] as ['down', Uint8Array]),
        ...sent.map((text) => ['up', packetFromText(text)] as ['up', Uint8Array]),
        // A stranger, whom the filter lets in to the mapping, an error, and the same inside endpoint to another remote.
        ['down', packetFromText(`UDP ${end(remote(99), 1)} > ${end(address, port!)}`)],
        ['down', packetFromText(`${kind.icmp} ${remote(9)} > ${address} 3/1 about ${about}`)],
        ['up', packetFromText(`UDP [fd00::2]:6000 > [${remoteInside(77)}]:5`)],
      ]
      for (const [direction, bytes] of steps) {
        const [expected, seen] = [old, next].map((gateway) => gateway[direction](bytes.slice()).map(plain))
        expect(expected!.length).toBe(1)
        expect(seen).toEqual(expected)
      }
      expect(rows(next)).toEqual(rows(old))
      expect(next.layer.statistics()?.portBlocks).toEqual(old.layer.statistics()?.portBlocks)
    })
  })

  test('records have the addresses of each side as text', async () => {
    const old = await start({ portBlocks: { size: 64 } }, 1)
    old.up(packetFromText(`UDP [fd00::2]:6000 > [${remoteInside(7)}]:53`))
    const [header, block, session] = old.export()
    expect(header).toMatchObject({ kind: 'header', version: 1 })
    expect(block).toMatchObject({ kind: 'block', inside: 'fd00::2' })
    expect(session).toMatchObject({
      kind: 'session',
      protocol: 17,
      inside: { address: 'fd00::2', port: 6000 },
      remote: { address: remote(7), port: 53 },
    })
    const addresses = [block, session].map((record) =>
      record?.kind === 'block' ? record.address : record?.kind === 'session' ? record.outside.address : undefined,
    )
    expect(kind.addresses).toContain(addresses[0])
    expect(addresses[1]).toBe(addresses[0])
  })

  test('their addresses are known as long as they live, and no longer', async () => {
    const old = await start({ sessions: 64 }, 1)
    for (let host = 1; host <= 64; host++)
      old.up(packetFromText(`UDP [fd00::${host.toString(16)}]:6000 > [${remoteInside(host)}]:53`))
    const next = await start({ sessions: 64 }, 2)
    expect(next.layer.importSessions(old.export())).toMatchObject({ sessions: 64, refused: {} })
    // Two thousand that have nothing do not make it forget those.
    for (let i = 0; i < 2000; i++)
      next.up(packetFromText(`UDP [fd00:6::${i.toString(16)}]:6000 > [${remoteInside(7)}]:53`))
    const insides = [...next.layer.mappings()].map(({ inside }) => inside.address)
    expect(insides.toSorted()).toEqual([...old.layer.mappings()].map(({ inside }) => inside.address).toSorted())
    next.rig.clock.advance(301_000)
    expect([...next.layer.mappings()]).toEqual([])
    for (let i = 0; i < 64; i++) {
      const [bytes] = next.up(packetFromText(`UDP [fd00:7::${i.toString(16)}]:6000 > [${remoteInside(7)}]:53`))
      expect(bytes).toBeDefined()
    }
  })

  test('what is exported, imported and exported again is the same, whatever the traffic', async () => {
    const step = fc.record({
      what: fc.constantFrom('UDP', 'TCP', 'ICMPv6'),
      host: fc.integer({ min: 2, max: 5 }),
      port: fc.integer({ min: 1, max: 6 }),
      far: fc.integer({ min: 1, max: 3 }),
      answers: fc.boolean(),
      wait: fc.nat(20_000),
    })
    const behaviour = fc.constantFrom('endpoint-independent', 'address-dependent', 'address-and-port-dependent')
    const configuration = fc.record({ mapping: behaviour, blocks: fc.boolean(), peers: fc.boolean() })
    const peers = Array.from({ length: 6 }, (_, host) => ({ name: `peer ${host}` }))
    await fc.assert(
      fc.asyncProperty(configuration, fc.array(step, { maxLength: 60 }), async (given, steps) => {
        const more: Ipv6Options = {
          ports: [4000, 4031],
          mapping: given.mapping,
          filtering: 'address-and-port-dependent',
          ...(given.blocks ? { portBlocks: { size: 8, perPeer: 3 } } : {}),
        }
        const old = await start(more, 1)
        for (const { what, host, port, far, answers, wait } of steps) {
          old.rig.clock.advance(wait)
          old.peer = given.peers ? peers[host] : undefined
          const text =
            what === 'ICMPv6'
              ? `ICMPv6 fd00::${host} > ${remoteInside(far)} echo request ${port}`
              : `${what} [fd00::${host}]:${port} > [${remoteInside(far)}]:80${what === 'TCP' ? ' SYN' : ''}`
          const [sent] = old.up(packetFromText(text))
          if (sent !== undefined && answers) old.down(mirror(sent))
        }
        const records = old.export()
        const next = await start(more, 2)
        next.rig.clock.advance(old.rig.clock.now() - next.rig.clock.now())
        const sessions = records.filter((record) => record.kind === 'session')
        expect(next.layer.importSessions(records)).toMatchObject({ sessions: sessions.length, refused: {} })
        const sorted = (all: NatRecord[]): string[] => all.map((record) => JSON.stringify(record)).sort()
        expect(sorted(next.export())).toEqual(sorted(records))
        const again = next.layer.importSessions(records)
        expect([again.sessions, again.blocks, again.refused.duplicate ?? 0]).toEqual([0, 0, records.length - 1])
      }),
      { numRuns: 20 },
    )
  }, 30_000)
})
