/**
 * One's complement sum of the 16-bit words in `view[offset, offset + length)` on top of `sum` (RFC 1071), folded to 16
 * bits, not complemented. An odd last byte counts as the high one of its word. `length` is at most 65,575: an IPv6
 * packet. Sums of adjoining ranges may be chained through `sum` as long as all but the last have even length.
 */
export function onesComplementSum(view: DataView, offset: number, length: number, sum = 0): number {
  let high = 0
  let low = sum
  let at = offset
  // Four bytes a step, with the halves summed apart: both stay far below 2^31, so the engine keeps them as integers.
  for (const end = offset + (length & ~3); at < end; at += 4) {
    const word = view.getUint32(at)
    high += word >>> 16
    low += word & 0xffff
  }
  if (length & 2) {
    low += view.getUint16(at)
    at += 2
  }
  if (length & 1) low += view.getUint8(at) << 8
  return foldSum(high + low)
}

/** The internet checksum (RFC 1071) as it stands in a header. Over bytes with a right checksum in them it is 0. */
export function checksum(view: DataView, offset: number, length: number, sum = 0): number {
  return ~onesComplementSum(view, offset, length, sum) & 0xffff
}

/** Sum of the pseudo-header (RFC 9293 §3.1) of the IPv4 packet whose header is at `ip`, for `length` bytes of transport. */
export function pseudoHeaderSum4(view: DataView, ip: number, protocol: number, length: number): number {
  return onesComplementSum(view, ip + 12, 8, protocol + length)
}

/** Sum of the pseudo-header (RFC 8200 §8.1) of the IPv6 packet whose header is at `ip`, for `length` bytes of transport. */
export function pseudoHeaderSum6(view: DataView, ip: number, protocol: number, length: number): number {
  return onesComplementSum(view, ip + 8, 32, protocol + length)
}

/**
 * The checksum after one 16-bit word it covers has changed, by RFC 1624 eqn 3: HC' = ~(~HC + ~m + m'). For a word at an
 * odd offset give both values with their bytes swapped. UDP's "0 is none, 0xffff is 0" is the caller's business.
 */
export function updateChecksum16(checksum: number, from: number, to: number): number {
  return ~foldSum((~checksum & 0xffff) + (~from & 0xffff) + to) & 0xffff
}

/** As {@link updateChecksum16} for two adjoining words at an even offset, as an address is. */
export function updateChecksum32(checksum: number, from: number, to: number): number {
  const sum = (~checksum & 0xffff) + ((~from >>> 16) & 0xffff) + (~from & 0xffff) + (to >>> 16) + (to & 0xffff)
  return ~foldSum(sum) & 0xffff
}

/** Adds the carries of a sum below 2^32 back in, twice: the first time may carry again. */
export function foldSum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16)
  return (once & 0xffff) + (once >>> 16)
}
