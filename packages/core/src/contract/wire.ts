import { type Token, token } from '../runtime/runtime.ts'

/** What may be changed of a wire while it runs; a control interface reaches it by `context.require(WIRE, …)`. */
export interface WireControl {
  /** The UDP port in use, host order; 0 while not open. */
  readonly port: number
  /** The mark of every packet sent, for policy routing (SO_MARK, `ip rule … fwmark`); 0 is none. */
  readonly mark: number
  /**
   * Listens on another port, 0 for any that is free. If that cannot be, it rejects with an EnvironmentError (`cause.code`
   * is the system's, `EADDRINUSE`) and the old port stays in use. While not open it is the port of the next start.
   */
  setPort(port: number): Promise<void>
  /** A number from 0 to 2^32 - 1. Throws an EnvironmentError, and leaves the mark as it was, where that cannot be. */
  setMark(mark: number): void
}

/** The wire of this stack, if it is one that has a port. */
export const WIRE: Token<WireControl> = token('Wire')
