import { type Token, token } from '../runtime/runtime.ts'

/**
 * Offered by a wire that can lose a part of what comes in before it costs anything. For a line that has to look at
 * messages of anybody: without it a flood of those fills the wire's buffers, and who is known is lost with it.
 */
export interface WireShedding {
  /**
   * There are too many datagrams that begin with one of these bytes. For the next two seconds, while more comes in than is
   * dealt with, a random part of them may be lost, and none of the others; the wire counts them. A wire that can tell loses
   * only those that come from where the flood does. May be called with every batch.
   */
  overloaded(firstBytes: readonly number[]): void
}

export const WIRE_SHEDDING: Token<WireShedding> = token('WireShedding')
