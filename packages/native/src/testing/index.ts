/**
 * For tests that need the kernel: a network namespace of one's own, and raw packets on an interface.
 *
 * @packageDocumentation
 */
export { canEnterNetworkNamespace, enterNetworkNamespace, type NetworkNamespace, nativeSystem } from './namespace.ts'
export { PacketSocket } from './packet-socket.ts'
