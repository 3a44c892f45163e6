import { ConfigurationError } from '@millrace/core'
import { readWholeNumbers } from '../whole-numbers.ts'

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
  /** RSTs and ICMP errors a second that answer segments of no connection, a quarter of it at once. Default 1,000. */
  readonly answersPerSecond?: number
  /** The same to one peer, or to one address where packets have no peer. Default a quarter of that. */
  readonly answersPerSecondPerPeer?: number
}

/** Options checked and complete. */
export type TcpSettings = Required<TcpOptions>

const MIB = 2 ** 20

const DAY = 86_400_000

/** Checks options and fills in defaults. Throws a ConfigurationError that names the option. */
export function readTcpOptions(options: TcpOptions = {}): TcpSettings {
  const { superPackets = true, answersPerSecond = 1000, ...rest } = options
  if (typeof superPackets !== 'boolean') {
    throw new ConfigurationError(`tcp superPackets: expected true or false, got ${superPackets}`)
  }
  const numbers = readWholeNumbers(
    'tcp',
    { ...rest, answersPerSecond },
    {
      connections: [16_384, 1, 2 ** 20],
      halfOpen: [1024, 1, 2 ** 20],
      // The window of RFC 7323 §2.3 ends at 2^30.
      sendBuffer: [MIB, 2048, 2 ** 30],
      receiveBuffer: [MIB, 2048, 2 ** 30],
      // Places in it are signed numbers of 32 bits.
      memory: [256 * MIB, 65_536, 2 ** 31],
      mtu: [1420, 576, 65_535],
      keepaliveIdle: [7_200_000, 0, DAY],
      keepaliveInterval: [75_000, 1, DAY],
      keepaliveProbes: [9, 1, 255],
      userTimeout: [300_000, 1, DAY],
      timeWait: [60_000, 0, DAY],
      finWait: [60_000, 1, DAY],
      synRetries: [5, 0, 10],
      acceptTimeout: [60_000, 1, DAY],
      answersPerSecond: [1000, 0, 2 ** 20],
      answersPerSecondPerPeer: [Math.ceil(answersPerSecond / 4), 0, 2 ** 20],
    },
  )
  return { ...numbers, superPackets }
}
