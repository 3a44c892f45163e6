/** Whether two addresses, or other bytes, are the same. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && standsAt(one, other, 0)
}

/** Whether `bytes` stand in `memory` at `at`. */
export function standsAt(bytes: Uint8Array, memory: Uint8Array, at: number): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== memory[at + i]) return false
  return true
}
