import { ConfigurationError, type Prefix, parseAddress, systemRandom } from '@millrace/core'
import { duration, whole } from '../egress/checks.ts'
import { DestinationPolicy, type DestinationPolicyOptions } from '../egress/destination-policy.ts'
import { EgressAddresses } from '../egress/egress-addresses.ts'
import type { EgressOptions } from '../egress/egress-options.ts'
import { type FlowLimitOptions, FlowLimits } from '../egress/limits.ts'
import { PortAllocator, type PortAllocatorOptions } from '../egress/port-allocator.ts'
import type { EchoOptions } from '../icmp/echo.ts'
import type { IcmpErrorsOptions } from '../icmp/icmp-errors.ts'
import type { ReassemblyOptions } from '../ip/reassembly-options.ts'
import { readTcpOptions, type TcpOptions } from '../tcp/options.ts'
import { readUdpOptions, type UdpOptions } from '../udp/options.ts'
import { readNameServer } from './name-service.ts'
import type { OutletBuffers } from './udp-outlet.ts'

/** Flows of UDP, and the sockets that they go out from. */
export interface SocketsUdpOptions extends UdpOptions, Partial<OutletBuffers> {
  /**
   * True: a socket for each destination of a client's port, connected, so that the system tells of ICMP errors and the
   * client hears at once that a port is closed; but each destination sees another source port, and programs that find
   * their way by STUN do not (RFC 4787 REQ-1). Default false: one socket for all destinations, and silence.
   */
  readonly connected?: boolean
  /** False: `node:dgram`. Default: by system calls where there are any (Linux, koffi), many datagrams a call. */
  readonly native?: boolean
  /** What these may leave to the kernel: trains out (UDP_SEGMENT) and in (UDP_GRO). Default: all that it does well. */
  readonly offload?: { readonly send?: boolean; readonly receive?: boolean }
}

/** Connections of TCP, and the sockets that they go out from. */
export interface SocketsTcpOptions extends Omit<TcpOptions, 'mtu' | 'superPackets'> {
  /** False: `node:net`. Default: by system calls where there are any (Linux, koffi), without a copy. */
  readonly native?: boolean
}

export interface SocketsOptions {
  /** The address from which all flows go out, or one of each family. A family without one is refused, never leaked. */
  readonly egressIp?: string | readonly string[]
  /** In its place: several addresses, and which peer gets which. */
  readonly egress?: EgressOptions
  /** Exceptions from what is refused by itself; see {@link DestinationPolicyOptions.allow}. */
  readonly allow?: readonly string[]
  /** Refused besides, whatever `allow` says. */
  readonly deny?: readonly string[]
  /** All addresses of this host, where the system's answer is not to be relied on. */
  readonly hostAddresses?: DestinationPolicyOptions['hostAddresses']
  /** The gateway's own addresses in the tunnel: they answer ping, refuse all else, and errors come from them. */
  readonly gatewayAddress?: string | readonly string[]
  /**
   * The name server that answers at port 53 of the gateway's addresses, by UDP and TCP: `9.9.9.9`, `127.0.0.53`,
   * `[2620:fe::fe]:53`. It may be what clients cannot reach otherwise, and serves addresses of its own family. Default: none.
   */
  readonly nameServer?: string
  readonly limits?: FlowLimitOptions
  /** First and last source port, ports never used, and rest of a port given back. */
  readonly ports?: PortAllocatorOptions['ports']
  readonly reservedPorts?: readonly number[]
  readonly holdDown?: number
  /** For a server to answer, milliseconds. Default 10,000. */
  readonly dialTimeout?: number
  /** Of the tunnel, bytes. Default 1,420. */
  readonly mtu?: number
  /** `halfOpen` is as large here as the limit of dials, 1,024 more. */
  readonly tcp?: SocketsTcpOptions
  readonly udp?: Omit<SocketsUdpOptions, 'flows' | 'mtu'>
  /** Flows of ping. */
  readonly echo?: Omit<EchoOptions, 'flows' | 'mtu'>
  /** ICMP errors to clients. */
  readonly icmpErrors?: IcmpErrorsOptions
  readonly reassembly?: ReassemblyOptions
  /** Whether each peer has metrics of its own, by name. Default false. */
  readonly perPeerMetrics?: boolean
  readonly name?: string
}

/** Options checked, and complete where that is not others' to do. */
export interface SocketsSettings extends SocketsOptions {
  readonly name: string
  readonly egress: EgressOptions
  readonly gatewayAddresses: readonly string[]
  readonly dialTimeout: number
  readonly mtu: number
}

/** Throws a ConfigurationError that names the option. */
export function readOptions(options: SocketsOptions): SocketsSettings {
  const settings: SocketsSettings = {
    ...options,
    name: options.name ?? 'sockets',
    egress: egressOf(options),
    gatewayAddresses: listOf(options.gatewayAddress),
    dialTimeout: options.dialTimeout ?? 10_000,
    mtu: options.mtu ?? 1420,
  }
  duration('dialTimeout', settings.dialTimeout)
  for (const address of settings.gatewayAddresses) parseAddress(address, 'sockets gatewayAddress')
  if (options.nameServer !== undefined) checkNameServer(options.nameServer, settings)
  // Made to be checked: what belongs to a running stack is made when it starts.
  new DestinationPolicy({ ...policyOf(settings), hostAddresses: () => [] })
  new EgressAddresses(settings.egress, systemRandom)
  new FlowLimits(settings.limits)
  new PortAllocator(portsOf(settings, 'all'), systemRandom)
  const { native, ...tcp } = settings.tcp ?? {}
  readTcpOptions({ ...tcp, mtu: settings.mtu })
  checkSwitch('tcp native', native)
  readUdpOptions({ ...settings.udp, mtu: settings.mtu })
  checkOutlets(settings.udp)
  return settings
}

/** Without an address of its family on either side it could never answer. */
function checkNameServer(text: string, { gatewayAddresses, egress }: SocketsSettings): void {
  const { length } = readNameServer(text).address
  const sides = { 'the gateway': gatewayAddresses, 'the egress': egress.addresses }
  for (const [what, addresses] of Object.entries(sides)) {
    if (addresses.some((address) => parseAddress(address).bytes.length === length)) continue
    throw new ConfigurationError(`sockets nameServer: expected ${what} to have an address of the family of ${text}`)
  }
}

function checkOutlets({ native, offload, receiveBuffer, sendBuffer }: Partial<SocketsUdpOptions> = {}): void {
  for (const [name, value] of Object.entries({ receiveBuffer, sendBuffer })) {
    if (value !== undefined) whole(`udp ${name}`, value, 1, 2 ** 30)
  }
  checkSwitch('udp native', native)
  checkSwitch('udp offload send', offload?.send)
  checkSwitch('udp offload receive', offload?.receive)
}

function checkSwitch(name: string, value: boolean | undefined): void {
  if (value === undefined || typeof value === 'boolean') return
  throw new ConfigurationError(`sockets ${name}: expected true or false, got ${String(value)}`)
}

export function policyOf(settings: SocketsSettings): DestinationPolicyOptions {
  const { allow, deny, hostAddresses, egress, gatewayAddresses } = settings
  const own = [...egress.addresses, ...gatewayAddresses]
  return { allow, deny, own, hostAddresses }
}

export function portsOf(
  { ports, reservedPorts, holdDown }: SocketsSettings,
  scope: PortAllocatorOptions['scope'],
): PortAllocatorOptions {
  return { ports, reservedPorts, holdDown, scope }
}

function egressOf({ egressIp, egress }: SocketsOptions): EgressOptions {
  if (egress !== undefined && egressIp !== undefined) {
    throw new ConfigurationError('sockets egressIp: expected either egressIp or egress, got both')
  }
  if (egress !== undefined) return egress
  if (egressIp === undefined) {
    throw new ConfigurationError('sockets egressIp: expected the address from which flows go out, got none')
  }
  const addresses = listOf(egressIp)
  const families = addresses.map((text): Prefix['family'] => parseAddress(text, 'sockets egressIp').family)
  if (new Set(families).size === families.length) return { addresses }
  throw new ConfigurationError('sockets egressIp: expected one address of each family at most; use egress for several')
}

function listOf(texts: string | readonly string[] = []): readonly string[] {
  return typeof texts === 'string' ? [texts] : texts
}
