import { ConfigurationError, formatPrefix, parseAddress, parsePrefix } from '@millrace/core'
import { addressFamily, ipVersion, textOf } from './address.ts'
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE } from './constants.ts'
import type { Request } from './exchange.ts'
import { Attributes, type Message, u16At, u32At, Writer } from './wire.ts'

// linux/rtnetlink.h
export const RTA_DST = 1
export const RTA_SRC = 2
export const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_PREFSRC = 7
const RTA_TABLE = 15
export const RTA_MARK = 16
const RTA_VIA = 18
const RT_TABLE_UNSPEC = 0
const RT_TABLE_MAIN = 254
const RTPROT_UNSPEC = 0
const RTPROT_STATIC = 4
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RT_SCOPE_NOWHERE = 255
const RTN_UNSPEC = 0
const RTN_UNICAST = 1
const RTN_LOCAL = 2
const RTM_F_CLONED = 0x200
const HEADER = 12

/** Where a route leads. */
export interface RouteTarget {
  /** Interface index. */
  readonly index: number
  readonly gateway?: string
  /** Routing table; default 254, `main`. */
  readonly table?: number
  readonly metric?: number
}

/** A route as the kernel has it. */
export interface Route {
  readonly family: 4 | 6
  /** `10.0.0.0/8`; `0.0.0.0/0` and `::/0` are the default. */
  readonly destination: string
  /** Interface index; undefined if there is none (blackhole, several next hops). */
  readonly index?: number
  readonly gateway?: string
  /** Source address the host takes by preference. */
  readonly source?: string
  readonly table: number
  readonly metric?: number
  /** True if it leads to the host itself: the destination is an address it holds. */
  readonly local: boolean
}

export function newRoute(prefix: string, target: RouteTarget): Request {
  const scope = target.gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: encode(prefix, target, RTPROT_STATIC, scope, RTN_UNICAST),
  }
}

/** Whatever protocol, scope and type it has, as long as prefix and target are these. */
export function deleteRoute(prefix: string, target: RouteTarget): Request {
  return { type: RTM_DELROUTE, flags: 0, body: encode(prefix, target, RTPROT_UNSPEC, RT_SCOPE_NOWHERE, RTN_UNSPEC) }
}

/** Asks which way the host would send to an address. */
export function lookUpRoute(address: string): Request {
  const { family, bytes, length } = parseAddress(address)
  return { type: RTM_GETROUTE, flags: 0, body: header(family, length, 0, 0, 0, 0).attribute(RTA_DST, bytes).finish() }
}

export function allRoutes(family: 4 | 6): Request {
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, body: header(family, 0, 0, 0, 0, 0).finish() }
}

/** Undefined for anything that is no IP route, and for cached entries in a dump (an answer to a look-up is one too). */
export function decodeRoute({ type, body }: Message, cached = false): Route | undefined {
  if (type !== RTM_NEWROUTE || body.length < HEADER) return undefined
  if (!cached && (u32At(body, 8) & RTM_F_CLONED) !== 0) return undefined
  const family = ipVersion(body[0])
  const length = body[1] as number
  if (family === undefined || length > (family === 4 ? 32 : 128)) return undefined
  const attributes = new Attributes(body.subarray(HEADER))
  const bytes = attributes.bytes(RTA_DST) ?? new Uint8Array(family === 4 ? 4 : 16)
  if (textOf(bytes, family) === undefined) return undefined
  return {
    family,
    destination: formatPrefix({ family, bytes, length }),
    ...present('index', attributes.u32(RTA_OIF)),
    ...present('gateway', textOf(attributes.bytes(RTA_GATEWAY), family) ?? via(attributes.bytes(RTA_VIA))),
    ...present('source', textOf(attributes.bytes(RTA_PREFSRC), family)),
    table: attributes.u32(RTA_TABLE) ?? (body[4] as number),
    ...present('metric', attributes.u32(RTA_PRIORITY)),
    local: body[7] === RTN_LOCAL,
  }
}

/** struct rtvia: a next hop of the other family. */
function via(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length < 2) return undefined
  return textOf(bytes.subarray(2), ipVersion(u16At(bytes, 0)))
}

function present<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: T })
}

function encode(text: string, target: RouteTarget, protocol: number, scope: number, type: number): Uint8Array {
  const { family, bytes, length } = parsePrefix(text, 'route')
  const { index, gateway, table = RT_TABLE_MAIN, metric } = target
  const hop = gateway === undefined ? undefined : parseAddress(gateway, 'gateway')
  if (hop !== undefined && hop.family !== family) {
    throw new ConfigurationError(`gateway: expected an IPv${family} address for the route ${text}, got "${gateway}"`)
  }
  return header(family, length, table > 255 ? RT_TABLE_UNSPEC : table, protocol, scope, type)
    .attribute(RTA_DST, bytes)
    .attribute(RTA_OIF, index)
    .attribute(RTA_GATEWAY, hop?.bytes)
    .attribute(RTA_PRIORITY, metric)
    .attribute(RTA_TABLE, table > 255 ? table : undefined)
    .finish()
}

/** struct rtmsg: family, lengths of destination and source prefix, TOS, table, protocol, scope, type, flags. */
function header(family: 4 | 6, length: number, table: number, protocol: number, scope: number, type: number): Writer {
  return new Writer().u8(addressFamily(family), length, 0, 0, table, protocol, scope, type).u32(0)
}
