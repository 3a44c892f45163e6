/**
 * Whether TCP may run between the two ends of a key (RFC 1122 §4.2.3.10): single hosts both, and not one socket with
 * itself.
 */
export function isBetweenHosts(key: Int32Array, version: 4 | 6): boolean {
  const test = version === 4 ? isHost4 : isHost6
  if (!test(key, 0) || !test(key, 4)) return false
  const ports = key[8] as number
  if (ports >>> 16 === 0 || (ports & 0xffff) === 0) return false
  if (ports >>> 16 !== (ports & 0xffff)) return true
  for (let i = 0; i < 4; i++) if (key[i] !== key[4 + i]) return true
  return false
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
