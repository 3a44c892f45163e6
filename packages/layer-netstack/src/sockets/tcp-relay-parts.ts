import type { Clock } from '@millrace/core'
import type { Tcp } from '../tcp/tcp.ts'
import type { FlowGate } from './flow-gate.ts'
import type { TcpOutlets } from './tcp-outlet.ts'

/** Times of a `TcpRelay`, milliseconds, and its memory. */
export interface TcpRelayOptions {
  /** For the server to answer. */
  readonly dialTimeout: number
  /** Buffer memory of the TCP, bytes. */
  readonly memory: number
}

/** What the relay stands on. */
export interface TcpRelayParts {
  readonly tcp: Tcp
  readonly outlets: TcpOutlets
  readonly gate: FlowGate
  readonly clock: Clock
  /** To be called when the TCP has something to send, outside of `dispatch`. */
  readonly wake: () => void
}
