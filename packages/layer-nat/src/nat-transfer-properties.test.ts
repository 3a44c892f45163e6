import { decodePacket, packetFromText } from '@millrace/core/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NatOptions } from './options.ts'
import type { NatRecord } from './session-records.ts'
import { Gateway } from './test-support/gateway.ts'

const peers = Array.from({ length: 6 }, (_, host) => ({ name: `peer ${host}` }))

test('what is exported, imported and exported again is the same, whatever the traffic', async () => {
  const step = fc.record({
    kind: fc.constantFrom('UDP', 'TCP', 'ICMP'),
    host: fc.integer({ min: 2, max: 5 }),
    port: fc.integer({ min: 1, max: 6 }),
    remote: fc.integer({ min: 1, max: 3 }),
    flags: fc.constantFrom('SYN', 'SYN ACK', 'ACK', 'FIN ACK', 'RST'),
    up: fc.boolean(),
    wait: fc.nat(20_000),
  })
  const behaviour = fc.constantFrom('endpoint-independent', 'address-dependent', 'address-and-port-dependent')
  const configuration = fc.record({ mapping: behaviour, blocks: fc.boolean(), peers: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(configuration, fc.array(step, { maxLength: 80, size: 'max' }), async (given, steps) => {
      const configured: NatOptions = {
        address: ['203.0.113.7', '203.0.113.8'],
        ports: [4000, 4031],
        sessions: 512,
        mapping: given.mapping,
        ...(given.blocks ? { portBlocks: { size: 8, perPeer: 3 } } : {}),
      }
      const old = await Gateway.start(configured, 1)
      for (const { kind, host, port, remote, flags, up, wait } of steps) {
        old.rig.clock.advance(wait)
        old.peer = given.peers ? peers[host] : undefined
        const text = kind === 'ICMP' ? '' : `:${port}`
        const rest = kind === 'TCP' ? flags : kind === 'ICMP' ? `echo request ${port}` : ''
        const there = `198.51.100.${remote}${kind === 'ICMP' ? '' : ':80'}`
        const [sent] = old.up(packetFromText(`${kind} 10.0.0.${host}${text} > ${there} ${rest}`.trim()))
        if (sent === undefined || up) continue
        const { source, sourcePort } = decodePacket(sent)
        if (kind === 'TCP' && sourcePort !== undefined)
          old.down(packetFromText(`TCP ${there} > ${source}:${sourcePort} ${flags}`))
      }
      const records = old.export()
      const next = await Gateway.start(configured, 2)
      // The clocks are where they are: only what passes between the export and the import ages a session.
      next.rig.clock.advance(old.rig.clock.now() - next.rig.clock.now())
      const sessions = records.filter(({ kind }) => kind === 'session')
      expect(next.layer.importSessions(records)).toMatchObject({ sessions: sessions.length, refused: {} })
      const sorted = (all: NatRecord[]) => all.map((record) => JSON.stringify(record)).sort()
      expect(sorted(next.export())).toEqual(sorted(records))
      // Once more: all is there already.
      const again = next.layer.importSessions(records)
      expect(again).toMatchObject({ sessions: 0, blocks: 0 })
      expect(again.refused.duplicate ?? 0).toBe(records.length - 1)
    }),
    { numRuns: 40 },
  )
}, 30_000)
