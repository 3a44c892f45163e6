import { LayerRig } from '@millrace/core/testing'
import { nat } from '../nat.ts'
import type { NatLayer } from '../nat-layer.ts'
import type { NatOptions } from '../options.ts'
import type { NatImported } from '../session-import.ts'

// Records as they come out of JSON.

export const header = { kind: 'header', version: 1, time: '2026-01-01T00:00:00.000Z' }
export const traffic = { packets: 1, bytes: 100 }
export const side = { next: 1000, right: 2000, afterSyn: 1000, scale: 7 }
export const udp = {
  kind: 'session',
  protocol: 17,
  inside: { address: '10.0.0.2', port: 5000 },
  outside: { address: '203.0.113.7', port: 4000 },
  remote: { address: '198.51.100.7', port: 53 },
  remaining: 100_000,
  age: 1000,
  up: traffic,
  down: traffic,
}
export const tcp = { ...udp, protocol: 6, tcp: { state: 7, inside: side, outside: side } }
export const icmp = { ...udp, protocol: 1, remote: { address: '198.51.100.7', port: 0 } }
export const block = { kind: 'block', inside: '10.0.0.2', address: '203.0.113.7', first: 4000, last: 4007 }
export const other = (changes: object): object => ({ ...udp, inside: { address: '10.0.0.3', port: 1 }, ...changes })

export async function importing(records: readonly unknown[], options: Partial<NatOptions> = {}) {
  const layer: NatLayer = nat({ address: '203.0.113.7', sessions: 64, ...options })
  const rig = await LayerRig.start(layer)
  const imported: NatImported = layer.importSessions([header, ...records])
  return { layer, rig, imported }
}
