import { type DecodedPacket, decodePacket, slowChecksum } from '@millrace/core/testing'

/** Cuts an IPv4 packet without options into fragments of at most `mtu` bytes. */
export function cut(packet: Uint8Array, mtu: number): Uint8Array[] {
  const step = Math.floor((mtu - 20) / 8) * 8
  const fragments: Uint8Array[] = []
  for (let from = 20; from < packet.length; from += step) {
    const body = packet.subarray(from, from + step)
    const fragment = new Uint8Array(20 + body.length)
    fragment.set(packet.subarray(0, 20))
    fragment.set(body, 20)
    const view = new DataView(fragment.buffer)
    view.setUint16(2, fragment.length)
    const more = from + step < packet.length ? 0x2000 : 0
    view.setUint16(6, (view.getUint16(6) & 0x4000) | more | ((from - 20) / 8))
    view.setUint16(10, 0)
    view.setUint16(10, slowChecksum(fragment.subarray(0, 20)))
    fragments.push(fragment)
  }
  return fragments
}

/** The packet that fragments in any order make up, its checksums checked; throws unless they are all of one datagram. */
export function join(fragments: readonly Uint8Array[]): DecodedPacket {
  const sorted = fragments
    .map((bytes) => ({ bytes, at: (new DataView(bytes.buffer, bytes.byteOffset).getUint16(6) & 0x1fff) * 8 }))
    .sort((a, b) => a.at - b.at)
  const [first] = sorted
  if (first === undefined || first.at !== 0) throw new Error('the first fragment is missing')
  const whole: number[] = [...first.bytes.subarray(0, 20)]
  for (const { bytes, at } of sorted) {
    if (at !== whole.length - 20) throw new Error(`a gap or an overlap at ${at}`)
    decodePacket(bytes)
    const same = [4, 5, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19].every((i) => bytes[i] === first.bytes[i])
    if (!same) throw new Error('fragments of different datagrams')
    whole.push(...bytes.subarray(20))
  }
  const packet = Uint8Array.from(whole)
  const view = new DataView(packet.buffer)
  view.setUint16(2, packet.length)
  view.setUint16(6, view.getUint16(6) & 0x4000)
  view.setUint16(10, 0)
  view.setUint16(10, slowChecksum(packet.subarray(0, 20)))
  return decodePacket(packet)
}
