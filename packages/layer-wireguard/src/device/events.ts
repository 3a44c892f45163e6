import type { SocketAddress } from '@millrace/core'

/** Who an event is about. */
export interface EventPeer {
  readonly name: string
  /** Base64. */
  readonly publicKey: string
}

/**
 * What happens to peers, told by the state machine itself:
 * - `session-up`: there was no session, now there is a confirmed one;
 * - `session-rekeyed`: a new session took the place of one still good;
 * - `session-expired`: 180 s after its handshake the session is over, and no other came;
 * - `roamed`: an authenticated packet came from another address than before;
 * - `handshake-failed`: no response to twenty attempts (100 to 107 s); it is given up, and what was staged is dropped.
 */
export type WireguardEvent =
  | {
      readonly type: 'session-up' | 'session-rekeyed'
      readonly peer: EventPeer
      readonly endpoint: SocketAddress | undefined
    }
  | { readonly type: 'session-expired'; readonly peer: EventPeer }
  | { readonly type: 'roamed'; readonly peer: EventPeer; readonly from: SocketAddress; readonly to: SocketAddress }
  | { readonly type: 'handshake-failed'; readonly peer: EventPeer; readonly attempts: number }
