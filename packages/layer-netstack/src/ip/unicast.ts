/**
 * Whether the two ends of a key may talk with each other (RFC 1122 §4.2.3.10): single hosts both, with ports, and not one
 * socket with itself.
 */
export function isBetweenHosts(key: Int32Array, version: 4 | 6): boolean {
  if (!areHosts(key, version)) return false
  const ports = key[8] as number
  if (ports >>> 16 === 0 || (ports & 0xffff) === 0) return false
  if (ports >>> 16 !== (ports & 0xffff)) return true
  for (let i = 0; i < 4; i++) if (key[i] !== key[4 + i]) return true
  return false
}

/** Whether both addresses of a key are those of single hosts. */
export function areHosts(key: Int32Array, version: 4 | 6): boolean {
  return version === 4 ? isHost4(key, 0) && isHost4(key, 4) : isHost6(key, 0) && isHost6(key, 4)
}

/** Neither of network 0, multicast, class E nor broadcast. */
function isHost4(key: Int32Array, at: number): boolean {
  const first = (key[at + 3] as number) >>> 24
  return first !== 0 && first < 224
}

/** Neither unspecified nor multicast. */
function isHost6(key: Int32Array, at: number): boolean {
  const first = key[at] as number
  if (first >>> 24 === 0xff) return false
  return first !== 0 || key[at + 1] !== 0 || key[at + 2] !== 0 || key[at + 3] !== 0
}
