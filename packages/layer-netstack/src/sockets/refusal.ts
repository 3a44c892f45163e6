import type { IcmpErrorKind } from '@millrace/core'
import type { EgressRefusal } from '../egress/egress-addresses.ts'
import type { LimitRefusal } from '../egress/limits.ts'
import type { Rejection } from '../tcp/listener.ts'

/**
 * Why a flow was not begun: the policy forbids the destination, or it is an address of the gateway, which serves nothing
 * there; there is no egress address or port for it, or no file descriptor; or too many there are already.
 */
export type FlowRefusal =
  | 'destination-refused'
  | 'gateway-address'
  | 'descriptors-exhausted'
  | EgressRefusal
  | LimitRefusal

/**
 * What the client hears (RFC 6888 REQ-9, RFC 1812 §5.2.7.1): that it is forbidden, that it cannot be now, or nothing at a
 * rate that is too high, so that it tries again a little later.
 */
const REJECTIONS: Readonly<Record<FlowRefusal, Rejection>> = {
  'destination-refused': 'prohibited',
  'gateway-address': 'refused',
  'descriptors-exhausted': 'timeout',
  'no-ipv4-egress': 'prohibited',
  'no-ipv6-egress': 'prohibited',
  'no-egress-address': 'prohibited',
  'ports-exhausted': 'unreachable',
  'flows-exhausted': 'unreachable',
  'peer-flows-exhausted': 'unreachable',
  'dials-exhausted': 'timeout',
  'peer-dials-exhausted': 'timeout',
  'peer-fan-out-exceeded': 'timeout',
  'peer-rate-exceeded': 'timeout',
  'rate-exceeded': 'timeout',
}

const ERRORS: Readonly<Record<Rejection, IcmpErrorKind | undefined>> = {
  prohibited: 'admin-prohibited',
  unreachable: 'host-unreachable',
  // What is forwarded nowhere else; a host says that by itself.
  refused: undefined,
  timeout: undefined,
}

/** The answer to the SYN of a flow that was refused. */
export function rejectionFor(refusal: FlowRefusal): Rejection {
  return REJECTIONS[refusal]
}

/** The ICMP error about a packet that would have begun a flow, for its drop; undefined if nothing is to be said. */
export function errorFor(reason: string): IcmpErrorKind | undefined {
  const rejection: Rejection | undefined = REJECTIONS[reason as FlowRefusal]
  return rejection === undefined ? undefined : ERRORS[rejection]
}
