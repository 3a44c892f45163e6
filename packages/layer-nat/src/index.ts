/**
 * Source NAT to a static IPv4 address.
 *
 *     .layer(nat({ address: '203.0.113.7' }))
 *
 * @packageDocumentation
 */
export type { NatEvent, NatExhausted, NatResource } from './exhaustion.ts'
export { type NatLayer, type NatStatistics, nat } from './nat.ts'
export type { NatOptions } from './options.ts'
export type { NatTimeouts, SessionCounts } from './session-timers.ts'
export type { NatTableCounts } from './table.ts'
