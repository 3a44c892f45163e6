import { ICMP_ERROR_MAXIMUM, type IcmpErrorKind, type IpPacket, updateChecksum16, writeIcmpError } from '@millrace/core'
import type { Outbox } from '../ip/outbox.ts'

/** As core has them, and the end of waiting for fragments (RFC 792, RFC 4443 §3.3: time exceeded, code 1). */
export type StackErrorKind = IcmpErrorKind | 'reassembly-time-exceeded'

/** Whom an ICMP error comes from, and what path MTU it tells of. */
export interface IcmpErrorDetails {
  /** 4 or 16 bytes; without it, the address that the packet was sent to. */
  readonly source?: Uint8Array | undefined
  /** Only of `packet-too-big`. */
  readonly mtu?: number
}

const NO_DETAILS: IcmpErrorDetails = {}

/**
 * Puts the ICMP error about `offending` into the outbox, back to the peer it came from. False if there was no packet to be
 * had or no error may be sent about this one (RFC 1122 §3.2.2, RFC 4443 §2.4 e).
 */
export function pushIcmpError(
  outbox: Outbox,
  offending: IpPacket,
  kind: StackErrorKind,
  now: number,
  { source, mtu }: IcmpErrorDetails = NO_DETAILS,
): boolean {
  const answer = outbox.acquire(ICMP_ERROR_MAXIMUM)
  if (answer === undefined) return false
  const isReassembly = kind === 'reassembly-time-exceeded'
  const error = writeIcmpError(answer, offending, isReassembly ? 'time-exceeded' : kind, source, mtu)
  if (error === undefined) {
    answer.release()
    return false
  }
  if (isReassembly) setCode(error, 1)
  error.direction = 'down'
  error.peer = offending.peer
  error.arrival = now
  outbox.push(error)
  return true
}

/** Of an error whose code is 0. */
function setCode({ view, transport }: IpPacket, code: number): void {
  const before = view.getUint16(transport)
  view.setUint8(transport + 1, code)
  view.setUint16(transport + 2, updateChecksum16(view.getUint16(transport + 2), before, before | code))
}
