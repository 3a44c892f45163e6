/**
 * Everything a program needs to build a gateway of its own:
 *
 *     import { allowedIps, filter, log, nat, stack, tun, udp, wireguard } from 'millrace'
 *
 *     const gateway = stack(udp({ port: 51820 }))
 *       .layer(wireguard({ privateKey, peers }))
 *       .layer(allowedIps())
 *       .layer(log())
 *       .layer(filter((packet) => packet.destinationPort !== 25))
 *       .layer(nat({ address: '203.0.113.7' }))
 *       .end(tun({ name: 'egress0' }))
 *     await using running = await gateway.start()
 *
 * and to have a tunnel of its own:
 *
 *     await using tunnel = await connect('client.conf')
 *     const answer = await fetch('https://example.org/', { dispatcher: tunnel.dispatcher() })
 *
 * `stack` is the composition root: it binds clock, randomness, logger, crypto and system calls to tsyringe's `container`
 * by their tokens ({@link CLOCK}, {@link RANDOM}, {@link LOGGER}, …). In-memory ends and the virtual clock are in
 * `@millrace/core/testing`.
 *
 * @packageDocumentation
 */
export * from '@millrace/core'
export * from '@millrace/layer-nat'
export * from '@millrace/layer-netstack'
export * from '@millrace/layer-tun'
export * from '@millrace/layer-udp'
export * from '@millrace/layer-wireguard'
export { SYSTEM_CALLS, type SystemCalls } from '@millrace/native'
export { containerRuntime, stack } from './composition.ts'
export { container, type DependencyContainer } from './container.ts'
export type { TunnelConfiguration, TunnelOptions } from './tunnel/configuration.ts'
export { connect, type TunnelOpenOptions } from './tunnel/connect.ts'
export type { TunnelConnectOptions } from './tunnel/connect-arguments.ts'
export type { TunnelDispatcher, TunnelDispatcherOptions } from './tunnel/dispatcher.ts'
export type { Tunnel, TunnelStatistics } from './tunnel/tunnel.ts'
