import { updateChecksum16 } from '@millrace/core'

const END = 0
const NO_OPERATION = 1
const MAXIMUM_SEGMENT_SIZE = 2

/**
 * Lowers the MSS option of a TCP header to `maximum` where it is above (RFC 4459 §3.2), so that neither side sends
 * segments that do not fit through the tunnel. Options that make no sense end the search and stay as they are.
 */
export function clampMss(view: DataView, transport: number, headerLength: number, maximum: number): void {
  const end = transport + headerLength
  for (let at = transport + 20; at < end; ) {
    const kind = view.getUint8(at)
    if (kind === END) return
    if (kind === NO_OPERATION) {
      at++
      continue
    }
    if (at + 1 >= end) return
    const length = view.getUint8(at + 1)
    if (length < 2 || at + length > end) return
    if (kind === MAXIMUM_SEGMENT_SIZE && length === 4) lower(view, transport, at + 2, maximum)
    at += length
  }
}

function lower(view: DataView, transport: number, at: number, maximum: number): void {
  const mss = view.getUint16(at)
  if (mss <= maximum) return
  view.setUint16(at, maximum)
  // An option may begin at an odd offset; its bytes then lie in two words of the checksum, each in the other half.
  const odd = ((at - transport) & 1) === 1
  const [from, to] = odd ? [swap(mss), swap(maximum)] : [mss, maximum]
  view.setUint16(transport + 16, updateChecksum16(view.getUint16(transport + 16), from, to))
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >> 8)
}
