/**
 * The wire: WireGuard's UDP socket pair, or anybody else's.
 *
 *     const gateway = stack(udp({ port: 51820 })).layer(wireguard({ privateKey, peers }))
 *
 * @packageDocumentation
 */
export { type UdpEndpoint, type UdpOptions, udp } from './udp.ts'
