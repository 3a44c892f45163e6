/** Addresses that no router forwards (RFC 4291 §2.5, RFC 6890): unspecified, loopback, link-local, multicast. */
export function isMartian6(view: DataView, at: number): boolean {
  const first = view.getUint32(at)
  if (first >>> 24 === 0xff || first >>> 22 === 0x3fa) return true
  return first === 0 && view.getUint32(at + 4) === 0 && view.getUint32(at + 8) === 0 && view.getUint32(at + 12) <= 1
}
