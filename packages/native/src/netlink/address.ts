import { formatAddress, parseAddress, parsePrefix } from '@millrace/core'
import { AF_INET, AF_INET6 } from '../linux.ts'
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, RTM_GETADDR, RTM_NEWADDR } from './constants.ts'
import type { Request } from './exchange.ts'
import { Attributes, type Message, u32At, Writer } from './wire.ts'

// linux/if_addr.h
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const HEADER = 8

/** An address and the length of the prefix it lies in, in binary form. */
export interface InterfaceAddress {
  readonly family: 4 | 6
  /** 4 or 16 bytes, network order, all of them. */
  readonly bytes: Uint8Array
  readonly prefixLength: number
}

/** Parses `10.0.0.1/24` or `fd00::1/64`; without a length the address stands alone (/32, /128). Throws a ConfigurationError. */
export function parseInterfaceAddress(text: string, what = 'address'): InterfaceAddress {
  const { family, length } = parsePrefix(text, what)
  return { family, bytes: parseAddress(text.split('/', 1)[0] as string, what).bytes, prefixLength: length }
}

export function newAddress(index: number, { family, bytes, prefixLength }: InterfaceAddress): Request {
  const body = header(addressFamily(family), prefixLength, index)
    .attribute(IFA_LOCAL, bytes)
    .attribute(IFA_ADDRESS, bytes)
    .finish()
  return { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, body }
}

export function allAddresses(): Request {
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, body: header(0, 0, 0).finish() }
}

/** Undefined for anything that is no IP address. On a point-to-point link it is our end of it. */
export function decodeAddress({
  type,
  body,
}: Message): { index: number; family: 4 | 6; address: string; prefixLength: number } | undefined {
  if (type !== RTM_NEWADDR || body.length < HEADER) return undefined
  const family = ipVersion(body[0])
  const attributes = new Attributes(body.subarray(HEADER))
  const address = textOf(attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS), family)
  if (family === undefined || address === undefined) return undefined
  return { index: u32At(body, 4), family, address, prefixLength: body[1] as number }
}

export function addressFamily(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6
}

export function ipVersion(family: number | undefined): 4 | 6 | undefined {
  if (family === AF_INET) return 4
  return family === AF_INET6 ? 6 : undefined
}

/** The text form, or undefined if there are not as many bytes as the family has. */
export function textOf(bytes: Uint8Array | undefined, family: 4 | 6 | undefined): string | undefined {
  if (bytes === undefined || family === undefined || bytes.length !== (family === 4 ? 4 : 16)) return undefined
  return formatAddress(bytes, 0, family)
}

/** struct ifaddrmsg: family, prefix length, flags, scope, interface. */
function header(family: number, prefixLength: number, index: number): Writer {
  return new Writer().u8(family, prefixLength, 0, 0).u32(index)
}
