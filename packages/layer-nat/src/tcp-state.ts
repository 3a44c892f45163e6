// What a NAT has seen of a TCP connection, as a set of bits (RFC 7857 §2, RFC 6146 §3.5.2 without its state for sent
// packets). `up` is from the inside, `down` from the outside.

const SYN_UP = 1
const SYN_DOWN = 2
const ESTABLISHED = 4
const FIN_UP = 8
const FIN_DOWN = 16
const RESET = 32
const BOTH_FIN: number = FIN_UP | FIN_DOWN

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const ACK = 0x10

export type TcpPhase = 'opening' | 'established' | 'closing'

/** The state of a connection of which the first SYN from the inside has just been seen. */
export const TCP_NEW: number = SYN_UP

/** Whether a segment with these flags may begin a connection. */
export function opensConnection(flags: number): boolean {
  return (flags & (SYN | ACK | RST | FIN)) === SYN
}

/**
 * `opening` and `closing` wait for the transitory timeout, `established` for the long one. A connection that one side
 * has finished is still established: the other may send for hours.
 */
export function tcpPhase(state: number): TcpPhase {
  if ((state & RESET) !== 0 || (state & BOTH_FIN) === BOTH_FIN) return 'closing'
  return (state & ESTABLISHED) !== 0 ? 'established' : 'opening'
}

/**
 * The state after a segment with `flags`.
 *
 * - Established takes a SYN from both sides and an acknowledgment from the inside, so that the outside alone never
 *   gains a long timeout; simultaneous open gets there as well.
 * - RST begins the end and removes nothing; a segment from the inside shows that it was not meant (RFC 7857 §2.2).
 * - When it has ended, a SYN from the inside opens it anew, on the same port. One from the outside passes, and counts
 *   once the inside has answered.
 */
export function advanceTcp(state: number, flags: number, up: boolean): number {
  const ended = tcpPhase(state) === 'closing'
  if ((flags & RST) !== 0) return state | RESET
  if ((flags & SYN) !== 0 && ended) {
    if (!up) return state
    return (flags & ACK) === 0 ? SYN_UP : SYN_UP | SYN_DOWN | ESTABLISHED
  }
  let next = up ? state & ~RESET : state
  if ((flags & SYN) !== 0) next |= up ? SYN_UP : SYN_DOWN
  if (up && (flags & ACK) !== 0 && (next & SYN_UP) !== 0 && (next & SYN_DOWN) !== 0) next |= ESTABLISHED
  if ((flags & FIN) !== 0) next |= up ? FIN_UP : FIN_DOWN
  return next
}
