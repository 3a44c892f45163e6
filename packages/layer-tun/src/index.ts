/**
 * The host end on a Linux TUN device.
 *
 * @packageDocumentation
 */
export { TunHandle, type TunLink } from './handle.ts'
export type { OffloadOptions, TunOptions } from './options.ts'
export { type TunEndpoint, tun } from './tun.ts'
