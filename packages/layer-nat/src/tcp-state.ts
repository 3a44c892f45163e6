// What a NAT has seen of a TCP connection, as a set of bits (RFC 7857 §2, RFC 6146 §3.5.2 without its state for sent
// packets). `up` is from the inside, `down` from the outside.

const SYN_UP = 1
const SYN_DOWN = 2
const ESTABLISHED = 4
const FIN_UP = 8
const FIN_DOWN = 16
const RESET = 32
/** The outside has begun it, and has not yet shown that it receives. */
const INBOUND = 64
/** States are numbers below this. */
export const TCP_STATES = 128
const BOTH_FIN: number = FIN_UP | FIN_DOWN

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const ACK = 0x10

export type TcpPhase = 'opening' | 'established' | 'closing' | 'reset'

/** The state of a connection of which the first SYN from the inside has just been seen. */
export const TCP_NEW: number = SYN_UP
/** The state of one that the outside has begun, of which the SYN-ACK from the inside has just been seen. */
export const TCP_NEW_INBOUND: number = SYN_UP | SYN_DOWN | INBOUND

/** Whether these bits may be a state: whatever else has been seen, the inside has sent its SYN. */
export function isTcpState(bits: number): boolean {
  return (bits & SYN_UP) !== 0 && bits <= (TCP_NEW_INBOUND | ESTABLISHED | BOTH_FIN | RESET)
}

/** Whether a segment with these flags may begin a connection. */
export function opensConnection(flags: number): boolean {
  return (flags & (SYN | ACK | RST | FIN)) === SYN
}

/** Whether a segment with these flags agrees to one. */
export function acceptsConnection(flags: number): boolean {
  return (flags & (SYN | ACK | RST | FIN)) === (SYN | ACK)
}

/**
 * Each phase has a timeout of its own. A connection that one side has finished is still established: the other may send
 * for hours.
 */
export function tcpPhase(state: number): TcpPhase {
  if ((state & RESET) !== 0) return 'reset'
  if ((state & BOTH_FIN) === BOTH_FIN) return 'closing'
  return (state & ESTABLISHED) !== 0 ? 'established' : 'opening'
}

/** Whether a SYN from the inside opens the connection anew. */
export function hasEnded(state: number): boolean {
  return (state & RESET) !== 0 || (state & BOTH_FIN) === BOTH_FIN
}

/** Whether a segment from the outside with these flags would establish a connection that it has begun. */
export function acknowledgesInbound(state: number, flags: number): boolean {
  return (state & INBOUND) !== 0 && (flags & (ACK | RST)) === ACK
}

/**
 * The state after a segment with `flags`, RST and FIN only where they are to be believed.
 *
 * - Established takes a SYN from both sides and an acknowledgment from the inside, so that the outside alone never
 *   gains a long timeout; simultaneous open gets there as well. One that the outside has begun takes its acknowledgment.
 * - RST begins the end and removes nothing; a segment from the inside shows that it was not meant (RFC 7857 §2.2).
 * - When it has ended, a SYN from the inside opens it anew, on the same port. One from the outside passes, and counts
 *   once the inside has answered.
 */
export function advanceTcp(state: number, flags: number, up: boolean): number {
  if ((flags & RST) !== 0) return state | RESET
  if ((flags & SYN) !== 0 && hasEnded(state)) {
    if (!up) return state
    return (flags & ACK) === 0 ? TCP_NEW : TCP_NEW_INBOUND
  }
  let next = up ? state & ~RESET : state
  if ((flags & SYN) !== 0) next |= up ? SYN_UP : SYN_DOWN
  if ((flags & ACK) !== 0 && (next & SYN_UP) !== 0 && (next & SYN_DOWN) !== 0) {
    const inbound = (next & INBOUND) !== 0
    if (up !== inbound) next = (next & ~INBOUND) | ESTABLISHED
  }
  if ((flags & FIN) !== 0) next |= up ? FIN_UP : FIN_DOWN
  return next
}
