/**
 * System calls through koffi, probed and typed, and what stands directly on them: readiness, messages and rtnetlink. The one
 * package that knows koffi; everything else asks for {@link SYSTEM_CALLS} and {@link OPENSSL}.
 *
 * @packageDocumentation
 */
export { Doorbell, ringerOf } from './doorbell.ts'
export { EpollSet } from './epoll-set.ts'
export { Errno, errnoName } from './errno.ts'
export { IoVectors } from './io-vectors.ts'
export * from './linux.ts'
export { loadNative, type Native, SYSTEM_CALLS } from './load.ts'
export { CONTROL_SIZE, MessageBlock, NAME_SIZE, NAME_SIZE_IPV4, NAME_WORDS } from './message-block.ts'
export { inNetworkNamespace } from './namespace.ts'
export { type InterfaceAddress, parseInterfaceAddress } from './netlink/address.ts'
export { NetlinkError } from './netlink/errors.ts'
export type { Link, LinkChange } from './netlink/link.ts'
export type { ProxyNeighbour } from './netlink/neighbour.ts'
export type { RouteTarget } from './netlink/route.ts'
export { type HostAddress, type HostRoute, RouteNetlink } from './netlink/route-netlink.ts'
export { RouteWatch } from './netlink/route-watch.ts'
export type { ChaCha20Poly1305Calls, EvpCalls, OpenSsl, X25519Calls } from './openssl.ts'
export { OPENSSL } from './openssl-calls.ts'
export { Readiness } from './readiness.ts'
export { soundOffloads } from './sound-offloads.ts'
export type { SystemCalls } from './system-calls.ts'
