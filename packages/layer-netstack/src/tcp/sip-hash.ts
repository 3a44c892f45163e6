/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) with a key of four 32-bit words over the first `count` words of `words`: 64
 * bits that nobody can foresee who lacks the key. Words as in memory, little endian; the lower half comes first in `result`.
 */
export function sipHash(result: Int32Array, key: Int32Array, words: Int32Array, count: number): void {
  STATE[0] = (key[0] as number) ^ 0x7073_6575
  STATE[1] = (key[1] as number) ^ 0x736f_6d65
  STATE[2] = (key[2] as number) ^ 0x6e64_6f6d
  STATE[3] = (key[3] as number) ^ 0x646f_7261
  STATE[4] = (key[0] as number) ^ 0x6e65_7261
  STATE[5] = (key[1] as number) ^ 0x6c79_6765
  STATE[6] = (key[2] as number) ^ 0x7974_6573
  STATE[7] = (key[3] as number) ^ 0x7465_6462
  let at = 0
  for (; at + 1 < count; at += 2) absorb(words[at] as number, words[at + 1] as number)
  // The last word has the length in bytes in its highest one.
  absorb(at < count ? (words[at] as number) : 0, (count * 4) << 24)
  STATE[4] = (STATE[4] as number) ^ 0xff
  mix(4)
  result[0] = (STATE[0] as number) ^ (STATE[2] as number) ^ (STATE[4] as number) ^ (STATE[6] as number)
  result[1] = (STATE[1] as number) ^ (STATE[3] as number) ^ (STATE[5] as number) ^ (STATE[7] as number)
}

/** v0 to v3, the lower half of each first. */
const STATE: Int32Array = new Int32Array(8)

function absorb(low: number, high: number): void {
  STATE[6] = (STATE[6] as number) ^ low
  STATE[7] = (STATE[7] as number) ^ high
  mix(2)
  STATE[0] = (STATE[0] as number) ^ low
  STATE[1] = (STATE[1] as number) ^ high
}

/** So many SipRounds. `a` to `d` are v0 to v3, with their lower and higher halves. */
function mix(rounds: number): void {
  let al = STATE[0] as number
  let ah = STATE[1] as number
  let bl = STATE[2] as number
  let bh = STATE[3] as number
  let cl = STATE[4] as number
  let ch = STATE[5] as number
  let dl = STATE[6] as number
  let dh = STATE[7] as number
  let kept = 0
  for (let round = 0; round < rounds; round++) {
    al = (al + bl) | 0
    ah = (ah + bh + carry(al, bl)) | 0
    kept = bl
    bl = ((bl << 13) | (bh >>> 19)) ^ al
    bh = ((bh << 13) | (kept >>> 19)) ^ ah
    kept = al
    al = ah
    ah = kept

    cl = (cl + dl) | 0
    ch = (ch + dh + carry(cl, dl)) | 0
    kept = dl
    dl = ((dl << 16) | (dh >>> 16)) ^ cl
    dh = ((dh << 16) | (kept >>> 16)) ^ ch

    al = (al + dl) | 0
    ah = (ah + dh + carry(al, dl)) | 0
    kept = dl
    dl = ((dl << 21) | (dh >>> 11)) ^ al
    dh = ((dh << 21) | (kept >>> 11)) ^ ah

    cl = (cl + bl) | 0
    ch = (ch + bh + carry(cl, bl)) | 0
    kept = bl
    bl = ((bl << 17) | (bh >>> 15)) ^ cl
    bh = ((bh << 17) | (kept >>> 15)) ^ ch
    kept = cl
    cl = ch
    ch = kept
  }
  STATE[0] = al
  STATE[1] = ah
  STATE[2] = bl
  STATE[3] = bh
  STATE[4] = cl
  STATE[5] = ch
  STATE[6] = dl
  STATE[7] = dh
}

/** Of a sum to which `addend` has been added. */
function carry(sum: number, addend: number): number {
  return sum >>> 0 < addend >>> 0 ? 1 : 0
}
