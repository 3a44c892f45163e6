import { ConfigurationError, ipv4ToNumber, parseAddress } from '@millrace/core'
import type { PortRange } from './ports.ts'
import type { NatTimeouts } from './session-timers.ts'

export interface NatOptions {
  /** The IPv4 address under which all peers appear outside. */
  readonly address: string
  /** Whom errors to the inside come from: the gateway's address in the tunnel. Default: `address`. */
  readonly gatewayAddress?: string
  /**
   * First and last outside port (of an ICMP echo: identifier). Default 1024 to 65535, as RFC 6056 §3.2 advises: the more
   * there are, the harder they are to guess and the later they run out. Ports below 1024 stay for services.
   */
  readonly ports?: readonly [first: number, last: number]
  /** Ports never used because somebody on `address` listens there: a peer that got one could take over its answers (CVE-2021-3773). */
  readonly reservedPorts?: readonly number[]
  /** Most sessions at once. Default 65,536; each takes about 120 bytes, at start. */
  readonly sessions?: number
  /** Most sessions of one peer at once. Default a quarter of `sessions`. */
  readonly sessionsPerPeer?: number
  /** Milliseconds without a packet from the inside after which a session ends. */
  readonly timeouts?: Partial<NatTimeouts>
  /** Milliseconds for which a freed UDP port or ICMP identifier rests. Default 120,000 (RFC 6888 REQ-8). */
  readonly holdDown?: number
  /** Of the tunnel, bytes: the TCP MSS is lowered to fit. Default 1420, for an MSS of 1380. */
  readonly mtu?: number
  /**
   * Default true: this is a router, traceroute shows it, and loops end here. False for a NAT that shall not be seen, or
   * where the kernel behind it is to count as the only hop.
   */
  readonly decrementTtl?: boolean
  readonly name?: string
}

/** Options checked and complete. */
export interface NatSettings {
  readonly address: number
  readonly gatewayAddress: Uint8Array
  readonly addressBytes: Uint8Array
  readonly ports: PortRange
  readonly sessions: number
  readonly sessionsPerPeer: number
  readonly timeouts: NatTimeouts
  readonly holdDown: number
  readonly mss: number
  readonly decrementTtl: boolean
}

const MINUTE = 60_000
const DEFAULT_TIMEOUTS: NatTimeouts = {
  udp: 5 * MINUTE,
  icmp: MINUTE,
  tcpEstablished: 124 * MINUTE,
  tcpTransitory: 4 * MINUTE,
}
/** IPv4 and TCP header. */
const HEADERS = 40
/** 1 GiB of table is more than one core can fill. */
const MAXIMUM_SESSIONS = 2 ** 23

/** Checks options and fills in defaults. Throws a ConfigurationError that names the option. */
export function readOptions(options: NatOptions): NatSettings {
  const { sessions = 65_536, holdDown = 120_000, mtu = 1420, ports = [1024, 65_535], reservedPorts = [] } = options
  const { sessionsPerPeer = Math.ceil(sessions / 4) } = options
  const address = hostAddress(options.address, 'nat address')
  const gateway = options.gatewayAddress ?? options.address
  hostAddress(gateway, 'nat gatewayAddress')
  whole('sessions', sessions, 1, MAXIMUM_SESSIONS)
  whole('sessionsPerPeer', sessionsPerPeer, 1, MAXIMUM_SESSIONS)
  whole('mtu', mtu, 576, 65_535)
  whole('ports', ports[0], 1, 65_535)
  whole('ports', ports[1], ports[0], 65_535)
  for (const port of reservedPorts) whole('reservedPorts', port, 1, 65_535)
  duration('holdDown', holdDown, 0)
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts }
  for (const [name, value] of Object.entries(timeouts)) duration(`timeouts.${name}`, value, 1)
  const range: PortRange = { first: ports[0], last: ports[1], reserved: reservedPorts }
  const usable = new Set(reservedPorts.filter((port) => port >= range.first && port <= range.last))
  if (usable.size > range.last - range.first) {
    throw new ConfigurationError(
      `nat reservedPorts: expected at least one port of ${ports[0]} to ${ports[1]} to be left`,
    )
  }
  return {
    address,
    addressBytes: parseAddress(options.address).bytes,
    gatewayAddress: parseAddress(gateway).bytes,
    ports: range,
    sessions,
    sessionsPerPeer,
    timeouts,
    holdDown,
    mss: mtu - HEADERS,
    decrementTtl: options.decrementTtl ?? true,
  }
}

function hostAddress(text: string, what: string): number {
  const address = ipv4ToNumber(text, what)
  const first = address >>> 24
  if (first === 0 || first === 127 || first >= 224) {
    throw new ConfigurationError(`${what}: expected the address of a host, got "${text}"`)
  }
  return address
}

function whole(name: string, value: number, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return
  throw new ConfigurationError(`nat ${name}: expected a whole number from ${minimum} to ${maximum}, got ${value}`)
}

function duration(name: string, value: number, minimum: number): void {
  if (Number.isFinite(value) && value >= minimum) return
  throw new ConfigurationError(`nat ${name}: expected milliseconds, at least ${minimum}, got ${value}`)
}
