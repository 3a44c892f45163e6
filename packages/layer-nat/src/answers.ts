import type { IcmpErrorKind } from '@millrace/core'

/**
 * Drops that the sender inside is told of. That resources have run out is "prohibited", too: RFC 5508 REQ-8. What goes
 * to no real destination gets no answer.
 */
export const answersInside: ReadonlyMap<string, IcmpErrorKind> = new Map([
  ['ttl-exceeded', 'time-exceeded'],
  ['ipv6-not-translated', 'admin-prohibited'],
  ['protocol-not-translated', 'admin-prohibited'],
  ['sessions-exhausted', 'admin-prohibited'],
  ['peer-sessions-exhausted', 'admin-prohibited'],
  ['peer-rate-exceeded', 'admin-prohibited'],
  ['peer-ports-exhausted', 'admin-prohibited'],
  ['ports-exhausted', 'admin-prohibited'],
  ['no-outside-address', 'admin-prohibited'],
  ['hairpin-refused', 'admin-prohibited'],
])

/** To the outside we are a router to live sessions, and silent for everything else. */
export const answersOutside: ReadonlyMap<string, IcmpErrorKind> = new Map([
  ['ttl-exceeded', 'time-exceeded'],
  ['packet-too-big', 'packet-too-big'],
])
