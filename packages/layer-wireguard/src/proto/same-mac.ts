const MAC_LENGTH = 16

/**
 * Whether the MAC stands in a message at `at`. Without an early exit: the time must not tell how much of a forged one is
 * right. Node's `timingSafeEqual` moves both into memory of their own first, which costs 1 µs for each message of a flood.
 */
export function isMacAt(message: Uint8Array, at: number, mac: Uint8Array): boolean {
  let difference = 0
  for (let i = 0; i < MAC_LENGTH; i++) difference |= (message[at + i] as number) ^ (mac[i] as number)
  return difference === 0
}
