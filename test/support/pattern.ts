import { createHash } from 'node:crypto'

/** Fills `piece` with the bytes of a stream that begin at `position`; one that is out of place makes another hash. */
export function writePattern(piece: Uint8Array, position: number): void {
  for (let i = 0; i < piece.length; i++) {
    const at = position + i
    piece[i] = Math.imul(at ^ (at >>> 8), 0x9e3779b1) >>> 24
  }
}

/** SHA-256 of the first `size` bytes of that stream. */
export function streamHash(size: number): string {
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += 65_536) {
    const piece = new Uint8Array(Math.min(65_536, size - at))
    writePattern(piece, at)
    hash.update(piece)
  }
  return hash.digest('hex')
}
