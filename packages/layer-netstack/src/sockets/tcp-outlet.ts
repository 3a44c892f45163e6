import type { FlowGrant } from './flow-grant.ts'

/** The flow that an outlet belongs to: what the outlet needs of it, and tells it. */
export interface TcpOutletOwner {
  readonly grant: FlowGrant
  /** Of the connection to the client; -1 once that is over. */
  readonly handle: number
  /** Bytes that the client has sent and the socket has been given, and those from the server. */
  sent: number
  received: number
  /** The server has answered. */
  connected(): void
  /** The dial has failed, and the socket is gone. */
  failed(failure: DialFailure): void
  /** One side does not take what the other sends. */
  stalled(): void
  /** Nothing is left but what the client has sent before it went, and the server does not take it. */
  lingers(): void
  /** The socket is closed; `isBroken`: by an error. */
  closed(isBroken: boolean): void
}

/** Why there is no connection to a server. */
export interface DialFailure {
  /** The system's: `ECONNREFUSED`. */
  readonly code: string
  /** The egress address was not to be had. */
  readonly isAddress: boolean
}

/**
 * A TCP socket bound to the address and port of its grant, between a server and a connection of our TCP. What one side does
 * not take, the other may not send.
 */
export interface TcpOutlet {
  /** Bytes of memory outside of the TCP, because one side keeps the other waiting. */
  readonly held: number
  /** Whether one side keeps the other waiting. */
  readonly isBlocked: boolean
  /** The client has sent something, or its end of the stream. */
  readable(): void
  /** The TCP takes something again. */
  writable(): void
  /** The connection to the client is over, and all that it brought is here: that goes out, then the socket ends. */
  finish(): void
  /** Ends the socket at once, and lets the server know. */
  reset(): void
  /** Gives up the dial under way. Nothing more is told. */
  cancel(): void
}

/** Where outlets come from. */
export interface TcpOutlets {
  /** Bytes of memory that outlets hold, outside of the TCP. */
  readonly held: number
  /** An outlet that is connecting, as the owner's grant says; or why it cannot. */
  dial(owner: TcpOutletOwner): TcpOutlet | DialFailure
  /** Resolves when nothing is left of them; all sockets are closed. */
  stop(): Promise<void>
}

/** What outlets stand on. */
export interface TcpOutletParts {
  /** Has the TCP looked at, when it has got something to send outside of `dispatch`. */
  readonly wake: () => void
  /** Before the first probe of a server that is silent, milliseconds; 0 for none. */
  readonly keepaliveIdle: number
}

export function isFailure(dialled: TcpOutlet | DialFailure): dialled is DialFailure {
  return 'code' in dialled
}
