import type { TcpFlow } from './tcp-flow.ts'
import type { DialFailure, TcpOutlets } from './tcp-outlet.ts'

/** What a flow needs of the relay it belongs to, and tells it. */
export interface TcpFlowOwner {
  readonly outlets: TcpOutlets
  /** The server has answered. */
  connected(flow: TcpFlow): void
  /** The dial has failed, and the socket is gone. */
  failed(flow: TcpFlow, failure: DialFailure): void
  /** One side does not take what the other sends. */
  stalled(): void
  /** Nothing is left of it but what the client has sent, and the server does not take it. */
  lingers(flow: TcpFlow): void
  /** The socket is closed; `isBroken`: by an error. */
  finished(flow: TcpFlow, isBroken: boolean): void
}
