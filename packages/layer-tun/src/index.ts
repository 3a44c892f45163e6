/**
 * The host end on a Linux TUN device.
 *
 * @packageDocumentation
 */
export type { TunOptions } from './options.ts'
export { type TunEndpoint, tun } from './tun.ts'
