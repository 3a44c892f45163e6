import { decodePacket, LayerRig, packetFromText, runScript } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatLayer } from './nat-layer.ts'
import type { NatOptions } from './options.ts'

const POOL = ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4']
const peers = Array.from({ length: 60 }, (_, i) => ({ name: `peer-${i}` }))

async function begin(options: Partial<NatOptions>): Promise<{ layer: NatLayer; rig: LayerRig }> {
  const layer = nat({ address: POOL, ...options })
  return { layer, rig: await LayerRig.start(layer) }
}

/** The outside address that a peer gets for a new UDP endpoint; undefined if none. */
function addressOf(rig: LayerRig, peer: { name: string }, port = 5000): string | undefined {
  const host = 2 + peers.findIndex(({ name }) => name === peer.name)
  rig.up({ bytes: packetFromText(`UDP 10.0.0.${host}:${port} > 198.51.100.7:53`), peer })
  const sent = rig.take().find(({ direction }) => direction === 'up')
  return sent && decodePacket(sent.bytes).source
}

describe('pools of outside addresses', () => {
  test('paired: every peer has one address for all it does, and all addresses are used', async () => {
    const { rig } = await begin({ secret: 'of this gateway' })
    const addresses = peers.map((peer) => addressOf(rig, peer))
    expect(new Set(addresses)).toEqual(new Set(POOL))
    for (const port of [1, 2, 3]) expect(peers.map((peer) => addressOf(rig, peer, port))).toEqual(addresses)
    rig.clock.advance(400_000)
    expect(peers.map((peer) => addressOf(rig, peer))).toEqual(addresses)
    const { rig: again } = await begin({ secret: 'of this gateway' })
    expect(peers.map((peer) => addressOf(again, peer))).toEqual(addresses)
    const { rig: other } = await begin({ secret: 'of another' })
    expect(peers.map((peer) => addressOf(other, peer))).not.toEqual(addresses)
  })

  test('paired: one address more moves only those who get it', async () => {
    const { rig } = await begin({ secret: 'x' })
    const { rig: larger } = await begin({ secret: 'x', address: [...POOL, '203.0.113.5'] })
    let moved = 0
    for (const peer of peers) {
      const after = addressOf(larger, peer)
      if (after === addressOf(rig, peer)) continue
      expect(after).toBe('203.0.113.5')
      moved++
    }
    expect(moved).toBeGreaterThan(0)
    expect(moved).toBeLessThan(peers.length / 2)
  })

  test('pinned: the one it says, and none where it says none', async () => {
    const { layer, rig } = await begin({ pick: 'pinned', pins: { 'peer-0': '203.0.113.3', '10.0.0.9': '203.0.113.4' } })
    expect(addressOf(rig, peers[0]!)).toBe('203.0.113.3')
    expect(addressOf(rig, peers[1]!)).toBeUndefined()
    expect(rig.drops).toEqual(new Map([['no-outside-address', 1]]))
    expect(layer.statistics()?.refused.addresses).toBe(1)
    runScript(rig, 'up UDP 10.0.0.9:1 > 198.51.100.7:53 => up UDP 203.0.113.4:$a > 198.51.100.7:53')
  })

  test('pinned refuses even when another address has ports left', async () => {
    const { rig } = await begin({ pick: 'pinned', pins: { 'peer-0': POOL[0]! }, ports: [4000, 4000], overflow: 'next' })
    expect(addressOf(rig, peers[0]!, 1)).toBe(POOL[0])
    expect(addressOf(rig, peers[0]!, 2)).toBeUndefined()
    expect(rig.drops).toEqual(new Map([['ports-exhausted', 1]]))
  })

  test('per-flow: one peer gets all of them, each mapping keeps its own', async () => {
    const { rig } = await begin({ pick: 'per-flow' })
    const ports = Array.from({ length: 50 }, (_, i) => i + 1)
    const addresses = ports.map((port) => addressOf(rig, peers[0]!, port))
    expect(new Set(addresses)).toEqual(new Set(POOL))
    expect(ports.map((port) => addressOf(rig, peers[0]!, port))).toEqual(addresses)
  })

  test.each(['refuse', 'next'] as const)('overflow: %s', async (overflow) => {
    const { rig } = await begin({ overflow, ports: [4000, 4001] })
    const addresses = Array.from({ length: 9 }, (_, i) => addressOf(rig, peers[0]!, i + 1))
    expect(addresses.filter((address) => address !== undefined).length).toBe(overflow === 'next' ? 8 : 2)
    expect(rig.drops).toEqual(new Map([['ports-exhausted', overflow === 'next' ? 1 : 7]]))
  })

  test('an address that is drained keeps what it has and gets nothing new', async () => {
    const { layer, rig } = await begin({ secret: 'x' })
    const address = addressOf(rig, peers[0]!, 1)!
    layer.drain(address)
    expect(addressOf(rig, peers[0]!, 1)).toBe(address)
    const other = addressOf(rig, peers[0]!, 2)
    expect(other).not.toBe(address)
    layer.drain(address, false)
    expect(addressOf(rig, peers[0]!, 3)).toBe(address)
    for (const each of POOL) layer.drain(each)
    expect(addressOf(rig, peers[0]!, 4)).toBeUndefined()
    expect(rig.drops).toEqual(new Map([['no-outside-address', 1]]))
    expect(() => layer.drain('192.0.2.1')).toThrow('nat drain: expected an address of the pool, got "192.0.2.1"')
  })

  test('ports go back to the address they came from', async () => {
    const { layer, rig } = await begin({ ports: [4000, 4000], overflow: 'next', holdDown: 0 })
    for (let round = 0; round < 3; round++) {
      for (let port = 1; port <= 4; port++) expect(addressOf(rig, peers[0]!, port)).toBeDefined()
      expect(layer.statistics()?.sessions.udpPorts).toBe(4)
      rig.clock.advance(300_000)
      expect(layer.statistics()?.sessions.udpPorts).toBe(0)
    }
  })

  test.each<[Partial<NatOptions>, string]>([
    [{ address: [] }, 'nat address: expected a whole number from 1 to 256, got 0'],
    [{ address: ['203.0.113.1', '203.0.113.1'] }, 'nat address: expected each once, got "203.0.113.1" twice'],
    [{ pins: { laptop: '192.0.2.1' } }, 'nat pins: expected an address of the pool for "laptop", got "192.0.2.1"'],
    [{ pick: 'any' as 'paired' }, 'nat pick: expected one of paired, pinned, per-flow, got "any"'],
    [{ overflow: 'wait' as 'next' }, 'nat overflow: expected one of refuse, next, got "wait"'],
  ])('says what is wrong with %j', (options, message) => {
    expect(() => nat({ address: POOL, ...options })).toThrow(message)
  })
})
