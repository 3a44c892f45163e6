import { ConfigurationError } from '@millrace/core'

/** Bounds and times of a TCP; milliseconds and bytes. */
export interface TcpOptions {
  /** Most connections at once, those in TIME-WAIT included. Default 16,384. */
  readonly connections?: number
  /** Most connections that somebody has asked for and that are not established yet. Default 1,024. */
  readonly halfOpen?: number
  /** Of each connection: what has been written and not yet acknowledged. Default 1 MiB. */
  readonly sendBuffer?: number
  /** Of each connection: what has come in and not yet been read. It is the largest window. Default 1 MiB. */
  readonly receiveBuffer?: number
  /** Of all send and receive buffers together. Default 256 MiB, taken from the system as it is needed. */
  readonly memory?: number
  /** Largest IP packet, or segment of a super-packet, to send and to ask for. Default 1,420. */
  readonly mtu?: number
  /** Whether up to 64 KB of a stream go out as one packet (`segmentSize`). Default true. */
  readonly superPackets?: boolean
  /** Idle time before the first probe (RFC 1122 §4.2.3.6: no less than two hours unless asked for), 0 for none. */
  readonly keepaliveIdle?: number
  /** Between probes that remain unanswered. Default 75,000. */
  readonly keepaliveInterval?: number
  /** Unanswered probes before the connection counts as dead. Default 9. */
  readonly keepaliveProbes?: number
  /** How long the other end may leave data or probes unanswered (RFC 9293 §3.8.3: R2, at least 100 s). Default 300,000. */
  readonly userTimeout?: number
  /** Stay in TIME-WAIT. Default 60,000. */
  readonly timeWait?: number
  /** Stay in FIN-WAIT-2 of a connection that nobody reads from any more. Default 60,000. */
  readonly finWait?: number
  /** Times that a SYN or SYN-ACK is sent again, after 1, 2, 4 … seconds. Default 5. */
  readonly synRetries?: number
  /** For the owner to accept or reject. Default 60,000. */
  readonly acceptTimeout?: number
  /** RSTs and ICMP errors a second that answer segments of no connection. Default 500. */
  readonly answersPerSecond?: number
}

/** Options checked and complete. */
export type TcpSettings = Required<TcpOptions>

const MIB = 2 ** 20

const DEFAULTS: TcpSettings = {
  connections: 16_384,
  halfOpen: 1024,
  sendBuffer: MIB,
  receiveBuffer: MIB,
  memory: 256 * MIB,
  mtu: 1420,
  superPackets: true,
  keepaliveIdle: 7_200_000,
  keepaliveInterval: 75_000,
  keepaliveProbes: 9,
  userTimeout: 300_000,
  timeWait: 60_000,
  finWait: 60_000,
  synRetries: 5,
  acceptTimeout: 60_000,
  answersPerSecond: 500,
}

const DAY = 86_400_000

/** Checks options and fills in defaults. Throws a ConfigurationError that names the option. */
export function readTcpOptions(options: TcpOptions = {}): TcpSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const settings: TcpSettings = { ...DEFAULTS, ...given }
  whole(settings, 'connections', 1, 2 ** 20)
  whole(settings, 'halfOpen', 1, 2 ** 20)
  // The window of RFC 7323 §2.3 ends at 2^30.
  whole(settings, 'sendBuffer', 2048, 2 ** 30)
  whole(settings, 'receiveBuffer', 2048, 2 ** 30)
  // Places in it are signed numbers of 32 bits.
  whole(settings, 'memory', 65_536, 2 ** 31)
  whole(settings, 'mtu', 576, 65_535)
  whole(settings, 'keepaliveIdle', 0, DAY)
  whole(settings, 'keepaliveInterval', 1, DAY)
  whole(settings, 'keepaliveProbes', 1, 255)
  whole(settings, 'userTimeout', 1, DAY)
  whole(settings, 'timeWait', 0, DAY)
  whole(settings, 'finWait', 1, DAY)
  whole(settings, 'synRetries', 0, 10)
  whole(settings, 'acceptTimeout', 1, DAY)
  whole(settings, 'answersPerSecond', 0, 2 ** 20)
  if (typeof settings.superPackets !== 'boolean') {
    throw new ConfigurationError(`tcp superPackets: expected true or false, got ${settings.superPackets}`)
  }
  return settings
}

function whole(
  settings: TcpSettings,
  name: Exclude<keyof TcpSettings, 'superPackets'>,
  minimum: number,
  maximum: number,
): void {
  const value = settings[name]
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return
  throw new ConfigurationError(`tcp ${name}: expected a whole number from ${minimum} to ${maximum}, got ${value}`)
}
