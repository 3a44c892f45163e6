import { type DecodedPacket, decodePacket } from '@millrace/core/testing'

const [HEADER, FRAGMENT_HEADER] = [40, 8]
const FRAGMENT = 44

/** Cuts an IPv6 packet without extension headers into fragments of at most `mtu` bytes. */
export function cut6(packet: Uint8Array, mtu: number, id: number): Uint8Array[] {
  const step = Math.floor((mtu - HEADER - FRAGMENT_HEADER) / 8) * 8
  const fragments: Uint8Array[] = []
  for (let from = 0; from < packet.length - HEADER; from += step) {
    const body = packet.subarray(HEADER + from, HEADER + from + step)
    const fragment = new Uint8Array(HEADER + FRAGMENT_HEADER + body.length)
    fragment.set(packet.subarray(0, HEADER))
    fragment.set(body, HEADER + FRAGMENT_HEADER)
    const view = new DataView(fragment.buffer)
    view.setUint16(4, FRAGMENT_HEADER + body.length)
    view.setUint8(6, FRAGMENT)
    view.setUint8(40, packet[6] as number)
    view.setUint16(42, from | (HEADER + from + step < packet.length ? 1 : 0))
    view.setUint32(44, id)
    fragments.push(fragment)
  }
  return fragments
}

/** The packet that IPv6 fragments in any order make up, its checksums checked; throws unless they are all of one datagram. */
export function join6(fragments: readonly Uint8Array[]): DecodedPacket {
  const sorted = fragments
    .map((bytes) => ({ bytes, word: new DataView(bytes.buffer, bytes.byteOffset).getUint16(42) }))
    .sort((a, b) => a.word - b.word)
  const [first] = sorted
  if (first === undefined) throw new Error('no fragment')
  const whole: number[] = [...first.bytes.subarray(0, HEADER)]
  whole[6] = first.bytes[40] as number
  for (const [i, { bytes, word }] of sorted.entries()) {
    if (bytes[6] !== FRAGMENT) throw new Error('no fragment header')
    if ((word & 0xfff8) !== whole.length - HEADER) throw new Error(`a gap or an overlap at ${word & 0xfff8}`)
    if ((word & 1) !== (i < sorted.length - 1 ? 1 : 0)) throw new Error('the last fragment is not the last')
    const isSame = (at: number): boolean => bytes[at] === first.bytes[at]
    if (![...Array(32).keys()].map((at) => at + 8).every(isSame)) throw new Error('fragments of different packets')
    if (![40, 44, 45, 46, 47].every(isSame)) throw new Error('fragments of different datagrams')
    whole.push(...bytes.subarray(HEADER + FRAGMENT_HEADER))
  }
  const packet = Uint8Array.from(whole)
  new DataView(packet.buffer).setUint16(4, packet.length - HEADER)
  return decodePacket(packet)
}
