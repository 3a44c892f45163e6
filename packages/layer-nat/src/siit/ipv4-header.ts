import { checksum } from '@millrace/core'

export const DONT_FRAGMENT = 0x4000
export const MORE_FRAGMENTS = 0x2000
export const FRAGMENT_OFFSET = 0x1fff
/** Most bytes of what IPv4 routers may fragment, for its sender cannot be told to send less than 1,280 (RFC 7915 §5.1). */
export const MAY_BE_FRAGMENTED = 1260

const END = 0
const NO_OPERATION = 1
const LOOSE_SOURCE_ROUTE = 131
const STRICT_SOURCE_ROUTE = 137

/** Writes an IPv4 header of 20 bytes. `fragment` is flags and offset, as the header has them. */
export function writeIpv4Header(
  view: DataView,
  at: number,
  trafficClass: number,
  totalLength: number,
  id: number,
  fragment: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  view.setUint16(at, 0x4500 | trafficClass)
  view.setUint16(at + 2, totalLength)
  view.setUint16(at + 4, id)
  view.setUint16(at + 6, fragment)
  view.setUint32(at + 8, (ttl << 24) | (protocol << 16))
  view.setUint32(at + 12, source)
  view.setUint32(at + 16, destination)
  view.setUint16(at + 10, checksum(view, at, 20))
}

/** Whether the options in `at` to `end` - 1 have a source route that still has somewhere to go (RFC 7915 §4.1). */
export function hasSourceRoute(view: DataView, at: number, end: number): boolean {
  while (at + 1 < end) {
    const kind = view.getUint8(at)
    if (kind === END) return false
    const length = kind === NO_OPERATION ? 1 : view.getUint8(at + 1)
    const isRoute = kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE
    if (isRoute && at + 2 < end && view.getUint8(at + 2) <= length) return true
    if (length === 0) return false
    at += length
  }
  return false
}
