import { decodePacket, icmpEcho, ipv4, packetFromText } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import type { NatOptions } from './options.ts'
import { Gateway, options, PEER } from './test-support/gateway.ts'

const fields = { source: '10.0.0.2', destination: '198.51.100.7' }
const echo = ipv4(fields, icmpEcho({ type: 'request', identifier: 9, sequence: 1 }, 'ping'))

describe('peers of moved sessions', () => {
  const from = (port: number) => packetFromText(`UDP 10.0.0.2:${port} > 198.51.100.7:53`)
  const limited: NatOptions = { ...options, address: '203.0.113.7', sessionsPerPeer: 3 }

  test('are known by name, have what they had, and no more than others', async () => {
    const old = await Gateway.start(limited, 1, 0, PEER)
    old.up(from(1))
    old.up(from(2))
    const next = await Gateway.start(limited, 2, 0, { name: 'laptop' })
    next.layer.importSessions(old.export())
    expect(next.layer.statistics()?.peers).toEqual([{ peer: { name: 'laptop' }, sessions: 2, ports: 2 }])
    expect([next.up(from(3)).length, next.up(from(4)).length]).toEqual([1, 1])
    expect(next.rig.drops).toEqual(new Map([['peer-sessions-exhausted', 1]]))
    expect(next.layer.statistics()?.peers).toEqual([{ peer: next.peer, sessions: 3, ports: 3 }])
    expect(next.layer.statistics()?.peers[0]?.peer).toBe(next.peer)
    expect([...next.layer.mappings('laptop')].length).toBe(3)
  })

  test('that are there already get them too', async () => {
    const old = await Gateway.start(limited, 1, 0, PEER)
    old.up(from(1))
    const next = await Gateway.start(limited, 2, 0, { name: 'laptop' })
    next.up(from(2))
    expect(next.layer.importSessions(old.export())).toMatchObject({ sessions: 1 })
    expect(next.layer.statistics()?.peers).toEqual([{ peer: next.peer, sessions: 2, ports: 2 }])
  })

  test('may complain about what reaches them, before they have sent anything new', async () => {
    const old = await Gateway.start(limited, 1, 0, PEER)
    const { sourcePort } = decodePacket(old.up(from(1))[0]!)
    const next = await Gateway.start(limited, 2, 0, { name: 'laptop' })
    next.layer.importSessions(old.export())
    const error = packetFromText('ICMP 10.0.0.2 > 198.51.100.7 3/3 about UDP 198.51.100.7:53 > 10.0.0.2:1')
    next.peer = { name: 'phone' }
    expect(next.up(error)).toEqual([])
    next.peer = { name: 'laptop' }
    expect(decodePacket(next.up(error)[0]!)).toMatchObject({ source: '203.0.113.7', type: 3 })
    expect(sourcePort).toBeDefined()
  })

  test('keep a block that is at rest', async () => {
    const blocked: NatOptions = { ...options, portBlocks: { size: 16 }, holdDown: 100_000 }
    const old = await Gateway.start(blocked, 1, 0, PEER)
    old.up(echo)
    old.rig.clock.advance(60_000)
    const next = await Gateway.start(blocked, 2, 60_000, { name: 'laptop' })
    expect(next.layer.importSessions(old.export())).toEqual({ sessions: 0, blocks: 1, refused: {} })
    const { first, last } = old.layer.statistics()!.portBlocks!.inUse[0]!
    const { identifier } = decodePacket(next.up(echo)[0]!)
    expect(identifier! >= first && identifier! <= last).toBe(true)
  })
})
