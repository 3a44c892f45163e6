import type { Layer } from '../contract/index.ts'
import type { Context } from '../contract/lifecycle.ts'
import type { Datagram, IpPacket, Packet } from '../packet/packet.ts'
import { ConfigurationError } from '../runtime/errors.ts'
import { liftBatch } from './lift.ts'

export interface LogOptions {
  readonly name?: string
  /** Logs one packet in so many. Default 1: all of them. */
  readonly sample?: number
  /** Logs no more lines than this a second; what was left out is told in the next line. Default 100. */
  readonly perSecond?: number
  readonly level?: 'debug' | 'info'
}

/**
 * Writes one readable line for a packet through the runtime's logger:
 *
 *     up TCP 10.0.0.2:51234 > 198.51.100.7:443 1420 bytes, peer laptop
 */
export function log<P extends Packet>({
  name = 'log',
  sample = 1,
  perSecond = 100,
  level = 'info',
}: LogOptions = {}): Layer<P> {
  if (!Number.isInteger(sample) || sample < 1) {
    throw new ConfigurationError(`log sample: expected a whole number from 1, got ${sample}`)
  }
  if (!(perSecond > 0)) throw new ConfigurationError(`log perSecond: expected a number above 0, got ${perSecond}`)
  let context: Context | undefined
  let seen = 0
  let second = Number.NEGATIVE_INFINITY
  let lines = 0
  let suppressed = 0

  const write = (packet: P, { clock, logger }: Context): void => {
    const now = clock.now()
    if (now - second >= 1000) {
      second = now
      lines = 0
    }
    if (lines >= perSecond) {
      suppressed++
      return
    }
    lines++
    const note = suppressed > 0 ? ` (${suppressed} more not logged)` : ''
    suppressed = 0
    logger[level]({ layer: name }, describePacket(packet) + note)
  }

  const look = (packet: P): void => {
    if (context !== undefined && seen++ % sample === 0) write(packet, context)
  }
  return {
    ...liftBatch<P>(name, (batch) => {
      for (let i = 0; i < batch.length; i++) look(batch.at(i))
    }),
    start(started) {
      context = started
    },
  }
}

const protocolNames: Readonly<Record<number, string>> = {
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMPv6',
  132: 'SCTP',
}

/** One line about a packet of any kind. Allocates: for logs and tests. */
export function describePacket(packet: Packet): string {
  const peer = packet.peer === undefined ? '' : `, peer ${packet.peer.name}`
  const size = packet.segments > 1 ? `${packet.length} bytes in ${packet.segments}` : `${packet.length} bytes`
  return `${packet.direction} ${describeAddresses(packet)} ${size}${peer}`
}

function describeAddresses(packet: Packet): string {
  if (packet.kind === 'datagram')
    return `datagram ${packet.direction === 'up' ? 'from' : 'to'} ${(packet as Datagram).remote}`
  if (packet.kind === 'peer') return 'tunnel packet'
  const ip = packet as IpPacket
  const protocol = protocolNames[ip.protocol] ?? `protocol ${ip.protocol}`
  const fragment = ip.isFragment ? ' fragment' : ''
  return `${protocol}${fragment} ${withPort(ip.source, ip.sourcePort)} > ${withPort(ip.destination, ip.destinationPort)}`
}

function withPort(address: string, port: number): string {
  if (port === 0) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
