import { parseAddress } from '@millrace/core'
import { addressFamily, ipVersion, textOf } from './address.ts'
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH } from './constants.ts'
import type { Request } from './exchange.ts'
import { Attributes, i32At, type Message, Writer } from './wire.ts'

// linux/neighbour.h
const NDA_DST = 1
const NTF_PROXY = 0x08
const NUD_PERMANENT = 0x80
const HEADER = 12

/** An address for which the host answers on an interface (ARP, neighbour discovery) though it holds it nowhere. */
export interface ProxyNeighbour {
  readonly index: number
  readonly address: string
}

export function addProxy({ index, address }: ProxyNeighbour): Request {
  return { type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_EXCL, body: encode(index, address) }
}

export function deleteProxy({ index, address }: ProxyNeighbour): Request {
  return { type: RTM_DELNEIGH, flags: 0, body: encode(index, address) }
}

export function allProxies(): Request {
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, body: header(0, 0, 0).finish() }
}

export function decodeProxy({ type, body }: Message): ProxyNeighbour | undefined {
  if (type !== RTM_NEWNEIGH || body.length < HEADER || ((body[10] as number) & NTF_PROXY) === 0) return undefined
  const address = textOf(new Attributes(body.subarray(HEADER)).bytes(NDA_DST), ipVersion(body[0]))
  return address === undefined ? undefined : { index: i32At(body, 4), address }
}

function encode(index: number, text: string): Uint8Array {
  const { family, bytes } = parseAddress(text, 'proxy neighbour')
  return header(addressFamily(family), index, NUD_PERMANENT).attribute(NDA_DST, bytes).finish()
}

/** struct ndmsg: family, padding, interface, state, flags, type. */
function header(family: number, index: number, state: number): Writer {
  return new Writer().u8(family, 0).u16(0).u32(index).u16(state).u8(NTF_PROXY, 0)
}
