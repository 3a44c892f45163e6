/**
 * NAT to static IPv4 addresses: source NAT of all peers, port forwards, one-to-one addresses and pools.
 *
 *     .layer(nat({ address: '203.0.113.7' }))
 *
 * For peers with IPv6: {@link nat64} to IPv4, {@link nptv6} to another prefix, {@link nat66} to a few addresses.
 *
 * @packageDocumentation
 */
export type { NatBehaviour, NatBehaviours } from './behaviour.ts'
export type { NatPortBlock, NatPortBlocks } from './block-view.ts'
export type { NatPick } from './egress.ts'
export type { NatEvent, NatExhausted, NatResource } from './exhaustion.ts'
export type { NatMetric, NatSample } from './metrics.ts'
export { nat } from './nat.ts'
export type { NatLayer } from './nat-layer.ts'
export { nat64 } from './nat64/nat64.ts'
export type { Nat64Options } from './nat64/options.ts'
export { nat66 } from './nat66/nat66.ts'
export type { Nat66Options } from './nat66/options.ts'
export { type Nptv6Layer, type Nptv6Options, nptv6 } from './nptv6/nptv6.ts'
export type { NatForward, NatOptions } from './options.ts'
export type { NatTimeouts, SessionCounts } from './session-classes.ts'
export type { NatImported, NatImportRefusal } from './session-import.ts'
export type { NatBlockRecord, NatExportHeader, NatRecord, NatSessionRecord } from './session-records.ts'
export type { NatTcpProgress } from './session-timers.ts'
export type { NatEnd, NatMapping, NatProtocol, NatTraffic } from './session-view.ts'
export type { NatStatistics } from './statistics.ts'
export type { NatTableCounts } from './table-options.ts'
export type { NatTcpSide } from './tcp-windows.ts'
