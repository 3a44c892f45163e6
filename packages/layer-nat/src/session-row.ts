import { Rows } from './rows.ts'
import { INDEXED_WORDS } from './two-way-index.ts'

// Where things are in the row of a session, in words. A line of the processor's cache is 16 of them: the first line is all
// that a packet needs, the second what TCP needs besides, and what only begin and end need. The ends come first.

/** State of TCP, and above it the class of timeout. */
export const STATE: number = INDEXED_WORDS
/** Shared mapping, or -1. */
export const MAPPING = 7
/** When something last kept the session alive, milliseconds; two words, as the next two. */
export const USED = 8
export const BYTES_UP = 10
export const BYTES_DOWN = 12
export const PACKETS_UP = 14
export const PACKETS_DOWN = 15
/** Eight words. */
export const WINDOWS = 16
/** Two words, milliseconds. */
export const BEGAN = 24
/** What does not fit into 32 bits of packets. */
export const MORE_PACKETS_UP = 26
export const MORE_PACKETS_DOWN = 27
/** Three words. */
export const TIMER = 28

/** Words of a row. */
export const SESSION_WORDS = 32

/** The memory of all sessions. What a row has from an earlier session stays until it is written again. */
export function sessionRows(capacity: number): Rows {
  return new Rows(capacity, SESSION_WORDS)
}
