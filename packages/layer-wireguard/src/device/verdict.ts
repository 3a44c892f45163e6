/** What became of a packet: it goes on; it has been dealt with; or, any other string, the name under which it is dropped. */
export type Verdict = string

export const PASS = 'pass'
export const CONSUMED = 'consumed'
