/**
 * NAT to static IPv4 addresses: source NAT of all peers, port forwards, one-to-one addresses and pools.
 *
 *     .layer(nat({ address: '203.0.113.7' }))
 *
 * @packageDocumentation
 */
export type { NatBehaviour, NatBehaviours } from './behaviour.ts'
export type { NatPick } from './egress.ts'
export type { NatEvent, NatExhausted, NatResource } from './exhaustion.ts'
export type { NatMetric, NatSample } from './metrics.ts'
export { type NatLayer, type NatStatistics, nat } from './nat.ts'
export type { NatForward, NatOptions } from './options.ts'
export type { NatTimeouts, SessionCounts } from './session-timers.ts'
export type { NatEnd, NatMapping, NatProtocol, NatTraffic } from './session-view.ts'
export type { NatTableCounts } from './table-options.ts'
