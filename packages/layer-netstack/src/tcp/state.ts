/** A SYN came in and its owner has not yet said what becomes of it; nothing has been answered. Not a state of RFC 9293. */
export const PENDING = 1
// RFC 9293 §3.3.2. LISTEN is no state of a connection here: every destination listens.
export const SYN_SENT = 2
export const SYN_RECEIVED = 3
export const ESTABLISHED = 4
export const CLOSE_WAIT = 5
export const FIN_WAIT_1 = 6
export const FIN_WAIT_2 = 7
export const CLOSING = 8
export const LAST_ACK = 9
export const TIME_WAIT = 10
export const CLOSED = 0

export type State = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10

/** Of each state by its number. */
export const STATE_NAMES: readonly string[] = [
  'CLOSED',
  'PENDING',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'CLOSE-WAIT',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
]

/** Whether the other end may still send data. */
export function mayReceive(state: State): boolean {
  return state === ESTABLISHED || state === FIN_WAIT_1 || state === FIN_WAIT_2
}

/** Whether data may go out, in the first place or again. */
export function maySend(state: State): boolean {
  return state >= ESTABLISHED && state <= LAST_ACK && state !== FIN_WAIT_2
}
