import { slowChecksum } from '@millrace/core/testing'

/** Made to be read, and to share no code with what it tests. */
export interface Slice {
  /** Of the payload, bytes; `from` is a multiple of 8. */
  readonly from: number
  readonly to: number
  readonly id?: number
  /** Default: whether something follows. */
  readonly more?: boolean
}

/** The fragment with a part of the payload of a whole IPv4 or IPv6 packet without options or extension headers. */
export function fragmentOf(whole: Uint8Array, { from, to, id = 77, more }: Slice): Uint8Array {
  const header = headerOf(whole)
  const flag = (more ?? to < whole.length - header) ? 1 : 0
  const body = whole.subarray(header + from, header + to)
  if (header === 40) {
    const bytes = Uint8Array.from([...whole.subarray(0, 40), whole[6]!, 0, 0, 0, 0, 0, 0, 0, ...body])
    const view = new DataView(bytes.buffer)
    bytes[6] = 44
    view.setUint16(4, 8 + body.length)
    view.setUint16(42, from | flag)
    view.setUint32(44, id)
    return bytes
  }
  const bytes = Uint8Array.from([...whole.subarray(0, 20), ...body])
  const view = new DataView(bytes.buffer)
  view.setUint16(2, bytes.length)
  view.setUint16(4, id)
  view.setUint16(6, (flag * 0x2000) | (from / 8))
  return withHeaderChecksum(bytes)
}

/** All fragments of a packet whose payload is cut at these places. */
export function cutAt(whole: Uint8Array, cuts: readonly number[], id = 77): Uint8Array[] {
  const end = whole.length - headerOf(whole)
  const edges = [0, ...[...new Set(cuts)].filter((cut) => cut > 0 && cut < end).sort((a, b) => a - b), end]
  return edges.slice(0, -1).map((from, i) => fragmentOf(whole, { from, to: edges[i + 1]!, id }))
}

/** The packet that the fragments, in any order, make up: as it would be, had it never been cut. Throws unless they do. */
export function joinSlowly(fragments: readonly Uint8Array[]): Uint8Array {
  const parts = fragments.map(read).sort((a, b) => a.from - b.from)
  const [first] = parts
  const body: number[] = []
  parts.forEach((part, i) => {
    if (part.from !== body.length) throw new Error(`a gap or an overlap at ${part.from}`)
    if (part.more !== i < parts.length - 1) throw new Error('the last fragment is not the last')
    if (part.key !== first!.key) throw new Error('fragments of different datagrams')
    body.push(...part.body)
  })
  const bytes = Uint8Array.from([...first!.header, ...body])
  const view = new DataView(bytes.buffer)
  if (first!.header.length === 40) {
    view.setUint16(4, body.length)
    bytes[6] = first!.next
    return bytes
  }
  view.setUint16(2, bytes.length)
  view.setUint16(6, 0)
  return withHeaderChecksum(bytes)
}

function read(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const header = bytes.slice(0, headerOf(bytes))
  if (header.length === 40) {
    const word = view.getUint16(42)
    const key = `${bytes.slice(8, 40)} ${view.getUint32(44)}`
    return { header, key, next: bytes[40]!, from: word & 0xfff8, more: (word & 1) === 1, body: bytes.slice(48) }
  }
  if (slowChecksum(header) !== 0) throw new Error('IPv4 header checksum')
  const word = view.getUint16(6)
  const key = `${bytes.slice(12, 20)} ${view.getUint16(4)} ${bytes[9]}`
  return { header, key, next: 0, from: (word & 0x1fff) * 8, more: (word & 0x2000) !== 0, body: bytes.slice(20) }
}

function headerOf(bytes: Uint8Array): 20 | 40 {
  return bytes[0]! >> 4 === 4 ? 20 : 40
}

function withHeaderChecksum(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer)
  view.setUint16(10, 0)
  view.setUint16(10, slowChecksum(bytes.subarray(0, 20)))
  return bytes
}
