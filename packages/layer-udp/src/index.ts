/**
 * The wire: WireGuard's UDP socket pair, or anybody else's.
 *
 *     const gateway = stack(udp({ port: 51820 })).layer(wireguard({ privateKey, peers }))
 *
 * @packageDocumentation
 */
export type { Offloads, UdpOffload, UdpOptions } from './options.ts'
export { type UdpEndpoint, udp } from './udp.ts'
