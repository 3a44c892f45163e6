/**
 * The contract and everything that belongs to no particular protocol: services and layers, packets and their memory,
 * stacks, the lifts and built-in layers. In-memory ends and the simulated network are in `@millrace/core/testing`.
 *
 * @packageDocumentation
 */
export * from './contract/index.ts'
export * from './ip/address.ts'
export {
  checksum,
  foldSum,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
  updateChecksum16,
  updateChecksum32,
} from './ip/checksum.ts'
export { type IcmpAnswerStatistics, IcmpAnswers, type IcmpAnswersOptions } from './ip/icmp-answers.ts'
export { ICMP_ERROR_MAXIMUM, type IcmpErrorKind, mayAnswerWithIcmpError, writeIcmpError } from './ip/icmp-error.ts'
export { LocalAddress } from './ip/local-address.ts'
export type { OnesComplement } from './ip/ones-complement.ts'
export { parseIp } from './ip/parse-ip.ts'
export { ICMP, ICMPV6, TCP, UDP } from './ip/protocols.ts'
export { foldAddress6, SharedRate, type SharedRateOptions } from './ip/shared-rate.ts'
export { SocketAddress } from './ip/socket-address.ts'
export { TokenBucket, type TokenBucketOptions } from './ip/token-bucket.ts'
export { fork } from './layers/fork.ts'
export { type FilterOptions, filter, type LiftOptions, liftBatch, map, tap } from './layers/lift.ts'
export { describePacket, type LogOptions, log } from './layers/log.ts'
export { destinationIn, sourceIn } from './layers/match.ts'
export { type RejectLayer, type RejectOptions, reject } from './layers/reject.ts'
export { singly } from './layers/singly.ts'
export { Batch, type DropCounter } from './packet/batch.ts'
export { Burst } from './packet/burst.ts'
export { asDatagram, asIpPacket, asPeerPacket } from './packet/kind.ts'
export type { Datagram, Direction, IpPacket, Packet, PacketKind, Peer, PeerPacket } from './packet/packet.ts'
export { HEADROOM, MAXIMUM_PACKET, PacketPool, type PoolOptions, TAILROOM } from './packet/pool.ts'
export { PooledPacket } from './packet/pooled-packet.ts'
export { Spare } from './packet/spare.ts'
export { type Clock, systemClock, type Timer } from './runtime/clock.ts'
export { Deadlines } from './runtime/deadlines.ts'
export { ConfigurationError, EnvironmentError } from './runtime/errors.ts'
export { type Logger, silentLogger } from './runtime/logger.ts'
export { type Random, systemRandom } from './runtime/random.ts'
export {
  type Binding,
  bind,
  CLOCK,
  LOGGER,
  makeFallback,
  RANDOM,
  type Runtime,
  runtimeWith,
  type Token,
  token,
} from './runtime/runtime.ts'
export { ALONE, JOINED, type Joined, Joiner, STARTS } from './segment/joiner.ts'
export { MAXIMUM_SEGMENTS, Segmenter } from './segment/segmenter.ts'
export { Branch, Chain, layers } from './stack/chain.ts'
export type { DropStatistics, EdgeStatistics } from './stack/edge.ts'
export type { RunningStack } from './stack/running-stack.ts'
export { Gateway, Stack, type StackOptions, type StartOptions, stack } from './stack/stack.ts'
export type { StackEvent } from './stack/stack-event.ts'
export { halfSipHash } from './table/half-sip-hash.ts'
export { KeyIndex } from './table/key-index.ts'
