/**
 * A userspace TCP/IP stack as state machines without I/O: packets and the time go in, packets, events and the next
 * deadline come out.
 *
 * @packageDocumentation
 */
export type { ConnectOptions, Endpoints } from './tcp/endpoints.ts'
export type { CloseCause, Rejection, TcpListener } from './tcp/listener.ts'
export type { TcpOptions } from './tcp/options.ts'
export type { Outbox } from './tcp/segment-writer.ts'
export type { TcpStatistics, TcpSurroundings } from './tcp/surroundings.ts'
export { Tcp } from './tcp/tcp.ts'
