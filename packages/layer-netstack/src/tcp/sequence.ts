// Sequence numbers (RFC 9293 §3.4) are kept as signed 32-bit numbers: the engine then needs no box for them, and the
// difference of two, cut to 32 bits, is the distance whatever wraps in between. Two are comparable while they are less
// than 2^31 apart; windows are at most 2^30.

/** How far `to` lies behind `from`; negative if it lies before. */
export function distance(from: number, to: number): number {
  return (to - from) | 0
}

export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}

export function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0
}

/** The later of two. */
export function laterOf(a: number, b: number): number {
  return ((a - b) | 0) > 0 ? a : b
}
