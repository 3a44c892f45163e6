/** Values of `Match.session` where there is none: a shared mapping lets the packet in, or a static one does. */
export const BY_MAPPING = -1
export const BY_OPERATOR = -2

/** Where a packet goes on, as the last look-up has found it. One object for all look-ups, so that none allocates. */
export class Match {
  /** The session, or {@link BY_MAPPING}, or {@link BY_OPERATOR}. */
  session: number = BY_MAPPING
  /** What stands in the place of the packet's own end: outside on the way up, inside on the way down. Signed. */
  address = 0
  port = 0

  set(session: number, address: number, port: number): true {
    this.session = session
    this.address = address | 0
    this.port = port
    return true
  }
}
