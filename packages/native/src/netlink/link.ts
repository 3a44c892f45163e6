import { AF_INET6 } from '../linux.ts'
import { NLM_F_DUMP, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK } from './constants.ts'
import type { Request } from './exchange.ts'
import { Attributes, i32At, type Message, u32At, Writer } from './wire.ts'

// linux/if_link.h, linux/if.h
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_AF_SPEC = 26
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1
const IFF_UP = 1
const HEADER = 16

/** A network interface. */
export interface Link {
  readonly index: number
  readonly name: string
  readonly mtu: number
  readonly up: boolean
}

/** What is left out stays as it is. */
export interface LinkChange {
  readonly up?: boolean
  /** Bytes. */
  readonly mtu?: number
  /** `none`: the kernel gives the interface no IPv6 link-local address, and so says nothing on it by itself. */
  readonly ipv6AddressGeneration?: 'none'
}

export function linkByName(name: string): Request {
  return { type: RTM_GETLINK, flags: 0, body: header(0).attribute(IFLA_IFNAME, name).finish() }
}

export function allLinks(): Request {
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, body: header(0).finish() }
}

export function changeLink(index: number, { up, mtu, ipv6AddressGeneration }: LinkChange): Request {
  const writer = header(index, up === true ? IFF_UP : 0, up === undefined ? 0 : IFF_UP).attribute(IFLA_MTU, mtu)
  if (ipv6AddressGeneration === 'none') {
    writer.nest(IFLA_AF_SPEC, () =>
      writer.nest(AF_INET6, () => writer.attribute(IFLA_INET6_ADDR_GEN_MODE, Uint8Array.of(IN6_ADDR_GEN_MODE_NONE))),
    )
  }
  return { type: RTM_NEWLINK, flags: 0, body: writer.finish() }
}

export function removeLink(index: number): Request {
  return { type: RTM_DELLINK, flags: 0, body: header(index).finish() }
}

/** Undefined for anything that is no link. */
export function decodeLink({ type, body }: Message): Link | undefined {
  if (type !== RTM_NEWLINK || body.length < HEADER) return undefined
  const attributes = new Attributes(body.subarray(HEADER))
  const name = attributes.text(IFLA_IFNAME)
  if (name === undefined) return undefined
  return { index: i32At(body, 4), name, mtu: attributes.u32(IFLA_MTU) ?? 0, up: (u32At(body, 8) & IFF_UP) !== 0 }
}

/** struct ifinfomsg: family, padding, device type, index, flags, and which of the flags are to change. */
function header(index: number, flags = 0, change = 0): Writer {
  return new Writer().u8(0, 0).u16(0).u32(index).u32(flags).u32(change)
}
