/** The deadlines of one peer (paper §6, kernel timers.c), in Clock.now milliseconds; Infinity when not set. */
export class PeerTimers {
  retransmitHandshake: number = Number.POSITIVE_INFINITY
  /** When the initiation that a cookie came for is repeated with it. */
  useCookie: number = Number.POSITIVE_INFINITY
  sendKeepalive: number = Number.POSITIVE_INFINITY
  newHandshake: number = Number.POSITIVE_INFINITY
  zeroKeyMaterial: number = Number.POSITIVE_INFINITY
  persistentKeepalive: number = Number.POSITIVE_INFINITY
  sessionExpiry: number = Number.POSITIVE_INFINITY
  needAnotherKeepalive = false
  handshakeAttempts = 0
  /** Whether this attempt was repeated for a cookie: it is only once. */
  usedCookie = false
  /** When this peer is due in the device's queue; at or before the earliest of its deadlines. */
  scheduledAt: number = Number.POSITIVE_INFINITY

  earliest(): number {
    return Math.min(
      this.retransmitHandshake,
      this.useCookie,
      this.sendKeepalive,
      this.newHandshake,
      this.zeroKeyMaterial,
      this.persistentKeepalive,
      this.sessionExpiry,
    )
  }

  clear(): void {
    this.retransmitHandshake = Number.POSITIVE_INFINITY
    this.useCookie = Number.POSITIVE_INFINITY
    this.sendKeepalive = Number.POSITIVE_INFINITY
    this.newHandshake = Number.POSITIVE_INFINITY
    this.zeroKeyMaterial = Number.POSITIVE_INFINITY
    this.persistentKeepalive = Number.POSITIVE_INFINITY
    this.sessionExpiry = Number.POSITIVE_INFINITY
  }
}
