const HOP_BY_HOP = 0
const ROUTING = 43
export const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION_OPTIONS = 60
const MOBILITY = 135
/** As many as core's `parseIp` walks through. */
const MAXIMUM_EXTENSION_HEADERS = 8

/** What the headers of an IPv6 packet come to, when all that a translator ignores is left out (RFC 7915 §5.1). */
export class Ipv6Headers {
  /** IANA number of what comes behind them. */
  protocol = 0
  /** Where that begins. */
  payload = 0
  /** Where the fragment header begins; 0 if there is none. */
  fragment = 0

  /** Reads the headers of a packet at `ip`, which may be cut short at `end`. Returns why they cannot be translated, or undefined. */
  read(view: DataView, ip: number, end: number): string | undefined {
    this.fragment = 0
    let next = view.getUint8(ip + 6)
    let at = ip + 40
    for (let i = 0; i <= MAXIMUM_EXTENSION_HEADERS; i++) {
      if (next === FRAGMENT) {
        if (at + 8 > end) return 'ip-header-truncated'
        this.fragment = at
        this.protocol = view.getUint8(at)
        this.payload = at + 8
        // What stands behind it is cut as well, so it could not be left out of all the fragments.
        return isExtension(this.protocol) ? 'extension-header-not-translated' : undefined
      }
      if (next !== HOP_BY_HOP && next !== ROUTING && next !== DESTINATION_OPTIONS) {
        this.protocol = next
        this.payload = at
        return isExtension(next) ? 'extension-header-not-translated' : undefined
      }
      if (at + 8 > end) return 'ip-header-truncated'
      // A routing header that still has somewhere to go (segments left) would be lost.
      if (next === ROUTING && view.getUint8(at + 3) !== 0) return 'routing-header-not-translated'
      next = view.getUint8(at)
      at += (view.getUint8(at + 1) + 1) * 8
      if (at > end) return 'ip-header-truncated'
    }
    return 'extension-header-not-translated'
  }
}

/** The authentication header covers addresses, mobility is about them. */
function isExtension(protocol: number): boolean {
  return (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === FRAGMENT ||
    protocol === AUTHENTICATION ||
    protocol === DESTINATION_OPTIONS ||
    protocol === MOBILITY
  )
}
