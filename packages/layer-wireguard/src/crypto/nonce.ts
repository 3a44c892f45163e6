/** Writes the WireGuard nonce into 12 bytes: 4 zero bytes, then the counter, little endian (paper §5.4.6). */
export function writeNonce(nonce: Uint8Array, counterHigh: number, counterLow: number): void {
  nonce[4] = counterLow
  nonce[5] = counterLow >>> 8
  nonce[6] = counterLow >>> 16
  nonce[7] = counterLow >>> 24
  nonce[8] = counterHigh
  nonce[9] = counterHigh >>> 8
  nonce[10] = counterHigh >>> 16
  nonce[11] = counterHigh >>> 24
}
