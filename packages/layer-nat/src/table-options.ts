import type { Random } from '@millrace/core'
import type { AccountLimits } from './accounts.ts'
import type { BehaviourTable } from './behaviour.ts'
import type { EgressSettings } from './egress.ts'
import type { PortRefusal } from './outside-ports.ts'
import type { PortBlockLog } from './port-block-log.ts'
import type { BlockSize } from './port-blocks.ts'
import type { PortRange } from './ports.ts'
import type { NatTimeouts, SessionCounts } from './session-classes.ts'
import type { StaticAddress, StaticEndpoint } from './statics.ts'

/** Sessions, ports and what became of earlier sessions. */
export interface NatTableCounts extends SessionCounts {
  /** Outside UDP ports and ICMP identifiers in use, where they are mapped endpoint-independently. */
  readonly udpPorts: number
  readonly icmpIdentifiers: number
  /** Sessions ever made and ever removed. */
  readonly opened: number
  readonly expired: number
}

export interface NatTableOptions extends AccountLimits {
  readonly behaviours: BehaviourTable
  readonly egress: EgressSettings
  readonly ports: PortRange
  /** Undefined where peers have no ports of their own. */
  readonly portBlocks?: BlockSize | undefined
  readonly portBlockLog?: PortBlockLog | undefined
  /** Milliseconds for which a freed port or ICMP identifier is not given out again. */
  readonly holdDown: number
  /** Most sessions in all. */
  readonly sessions: number
  readonly timeouts: NatTimeouts
  readonly endpoints: readonly StaticEndpoint[]
  readonly addresses: readonly StaticAddress[]
  readonly random: Random
}

/** Why `open` made no session: the reason of the drop. */
export type Refusal =
  | 'sessions-exhausted'
  | 'peer-sessions-exhausted'
  | 'peer-rate-exceeded'
  | PortRefusal
  | 'no-outside-address'
