/**
 * Ends in memory, a network to simulate, and a clock to turn: what tests, examples and simulations stand on. Shipped,
 * and put through the same conformance suite as the real ends.
 *
 * @packageDocumentation
 */
export { type ConformanceCase, type EndpointSubject, endpointConformance } from './conformance.ts'
export { type DecodedPacket, decodePacket, decodeQuoted, summarize } from './decode-packet.ts'
export { LayerRig, type LayerRigOptions, type RigOutput } from './layer-rig.ts'
export { MachineClock } from './machine-clock.ts'
export { MemoryHost, type MemoryHostOptions } from './memory-host.ts'
export { describeBytes, packetFromText, runScript } from './packet-script.ts'
export {
  type EchoFields,
  type IcmpErrorFields,
  type Ipv4Fields,
  type Ipv6Fields,
  icmpEcho,
  icmpError,
  ipv4,
  ipv6,
  type PacketFacts,
  payload,
  pooledPacket,
  slowChecksum,
  type TcpFields,
  type Transport,
  tcpSegment,
  type UdpFields,
  udpSegment,
} from './packets.ts'
export { SeededRandom } from './seeded-random.ts'
export {
  type NetworkConditions,
  type SeenDatagram,
  SimulatedNetwork,
  type SimulatedNetworkOptions,
} from './simulated-network.ts'
export { SimulatedUdp } from './simulated-udp.ts'
export { VirtualClock } from './virtual-clock.ts'
