/**
 * A userspace TCP/IP stack as state machines without I/O: packets and the time go in, packets, events and the next
 * deadline come out.
 *
 * @packageDocumentation
 */

export type { DestinationPolicyOptions, DestinationRefusal } from './egress/destination-policy.ts'
export { parseDestinationRule } from './egress/destination-rules.ts'
export type { EgressRefusal } from './egress/egress-addresses.ts'
export type { EgressOptions, EgressPick } from './egress/egress-options.ts'
export type { FlowLimitOptions, LimitRefusal } from './egress/limits.ts'
export type { Metric, MetricSample } from './egress/metric.ts'
export type { Destination } from './host/attempts.ts'
export type { BindOptions } from './host/datagram-arguments.ts'
export { netstack } from './host/netstack.ts'
export type { Destinations, DialOptions, NetstackEndpoint } from './host/netstack-endpoint.ts'
export type { NetstackOptions } from './host/options.ts'
export { type SocketError, type SocketErrorCode, socketError } from './host/socket-error.ts'
export {
  type DatagramSocketEvents,
  type DatagramSocketOptions,
  TunnelDatagramSocket,
} from './host/tunnel-datagram-socket.ts'
export { type ListenOptions, TunnelServer, type TunnelServerEvents } from './host/tunnel-server.ts'
export { TunnelSocket, type TunnelSocketOptions } from './host/tunnel-socket.ts'
export { Echo, type EchoEnds, type EchoListener, type EchoOptions } from './icmp/echo.ts'
export { Icmp, type IcmpTarget, type IcmpTargets } from './icmp/icmp.ts'
export { IcmpErrors, type IcmpErrorsOptions, type IcmpErrorsStatistics } from './icmp/icmp-errors.ts'
export type { IcmpErrorDetails, StackErrorKind } from './icmp/push-icmp-error.ts'
export { Fragmenter } from './ip/fragmenter.ts'
export type { Outbox } from './ip/outbox.ts'
export { Reassembly } from './ip/reassembly.ts'
export type { ReassemblyOptions, ReassemblySurroundings } from './ip/reassembly-options.ts'
export type { EgressAddressFailed, FlowsRefused, SocketsEvent } from './sockets/flow-notes.ts'
export { readNameServer } from './sockets/name-service.ts'
export type { SocketsOptions, SocketsTcpOptions, SocketsUdpOptions } from './sockets/options.ts'
export { canPing } from './sockets/ping-socket.ts'
export type { FlowRefusal } from './sockets/refusal.ts'
export { type SocketsEndpoint, sockets } from './sockets/sockets.ts'
export type { SocketsStatistics } from './sockets/statistics.ts'
export type { StackSurroundings } from './surroundings.ts'
export type { ConnectOptions, Endpoints } from './tcp/endpoints.ts'
export type { CloseCause, Rejection, TcpListener } from './tcp/listener.ts'
export type { TcpOptions } from './tcp/options.ts'
export type { TcpStatistics, TcpSurroundings } from './tcp/surroundings.ts'
export { Tcp } from './tcp/tcp.ts'
export type { DatagramListener, UdpListener, UdpRemote } from './udp/listener.ts'
export type { UdpFiltering, UdpOptions as UdpFlowOptions } from './udp/options.ts'
export { Udp, type UdpClient } from './udp/udp.ts'
export { type UdpLocal, UdpPorts, type UdpPortsOptions } from './udp/udp-ports.ts'
