import {
  type Ipv4Fields,
  icmpEcho,
  icmpError,
  ipv4,
  payload,
  slowChecksum,
  type TcpFields,
  type Transport,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { type Flow, ICMP, type Shot, TCP, UDP } from './nat-differential-flow.ts'
import { OUTSIDE } from './nat-world.ts'

// Routers somewhere outside and somewhere inside.
const ROUTER_OUTSIDE = '192.0.2.9'
export const ROUTER_INSIDE = '10.9.0.254'

export type Direction = Shot['direction']
type Change = (packet: Uint8Array) => readonly Uint8Array[]

export interface ShotOptions {
  readonly ip?: Partial<Ipv4Fields>
  readonly data?: string | Uint8Array
  /** From another remote end than the flow's: only downwards. */
  readonly stranger?: { readonly remote?: string; readonly remotePort?: number }
  /** Of TCP. */
  readonly tcp?: Partial<TcpFields>
  /** Of UDP: false for none. */
  readonly checksum?: boolean
  /** What becomes of the packet before it is sent: fragments, say. */
  readonly change?: Change
}

/** A packet of the flow as its sender sends it: up from the inside end, down from the remote end to the outside port. */
export function shot(label: string, direction: Direction, flow: Flow, options: ShotOptions = {}): Shot {
  return {
    label,
    direction,
    flow,
    packets: (port) => {
      const packet = packetOf(direction, flow, direction === 'up' ? flow.port : port(flow), options)
      return options.change?.(packet) ?? [packet]
    },
  }
}

function packetOf(direction: Direction, flow: Flow, ownPort: number, options: ShotOptions): Uint8Array {
  const { ip, stranger } = options
  const remote = stranger?.remote ?? flow.remote
  const addresses =
    direction === 'up' ? { source: flow.inside, destination: remote } : { source: remote, destination: OUTSIDE }
  return ipv4({ ...addresses, id: flow.port, ...ip }, transportOf(direction, flow, ownPort, options))
}

function transportOf(direction: Direction, flow: Flow, ownPort: number, options: ShotOptions): Transport {
  const { data = 'the payload', tcp, stranger, checksum } = options
  const type = direction === 'up' ? 'request' : 'reply'
  if (flow.protocol === ICMP) return icmpEcho({ type, identifier: ownPort }, data)
  if (flow.protocol !== TCP && flow.protocol !== UDP) return payload(flow.protocol, data)
  const remotePort = stranger?.remotePort ?? flow.remotePort
  const ports =
    direction === 'up'
      ? { sourcePort: ownPort, destinationPort: remotePort }
      : { sourcePort: remotePort, destinationPort: ownPort }
  if (flow.protocol === TCP) return tcpSegment({ ...ports, ...tcp }, tcp?.flags?.includes('SYN') ? '' : data)
  return udpSegment({ ...ports, ...(checksum === undefined ? {} : { checksum }) }, data)
}

export interface ErrorOptions extends ShotOptions {
  readonly type?: number
  readonly code?: number
  readonly rest?: number
  /** Of the router that sends it. */
  readonly source?: string
  /** What is quoted instead of the packet of the flow: the quote as it would be right is given. */
  readonly quote?: (quoted: Uint8Array) => Uint8Array
}

/** An ICMP error about a packet of the flow that has gone `about` this way; it travels the other way. */
export function errorAbout(label: string, about: Direction, flow: Flow, options: ErrorOptions = {}): Shot {
  const { type = 3, code = 1, rest = 0, quote = (bytes) => bytes } = options
  const direction = about === 'up' ? 'down' : 'up'
  return {
    label,
    direction,
    flow,
    packets: (port) => {
      // As it was where the error is made: an error from outside is about what left, one from inside about what arrived.
      const { remote } = flow
      const ip =
        about === 'up' ? { source: OUTSIDE, destination: remote } : { source: remote, destination: flow.inside }
      const quoted = packetOf(about, flow, about === 'up' ? port(flow) : flow.port, {
        ...options,
        ip: { ...ip, ttl: 9 },
      })
      const outer =
        direction === 'down'
          ? { source: options.source ?? ROUTER_OUTSIDE, destination: OUTSIDE }
          : { source: options.source ?? flow.inside, destination: remote }
      const packet = ipv4({ ...outer, id: 9 }, icmpError({ type, code, rest }, quote(quoted)))
      return options.change?.(packet) ?? [packet]
    },
  }
}

/** Adds to a 16-bit word of the packet; the header checksum follows if it is one of the header's. */
export function damaged(packet: Uint8Array, at: number, difference = 1, header = true): Uint8Array {
  const bytes = packet.slice()
  const view = new DataView(bytes.buffer)
  view.setUint16(at, (view.getUint16(at) + difference) & 0xffff)
  if (header && at < 20 && at !== 10) {
    view.setUint16(10, 0)
    view.setUint16(10, slowChecksum(bytes.subarray(0, ((bytes[0] as number) & 15) * 4)))
  }
  return bytes
}
