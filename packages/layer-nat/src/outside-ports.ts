import type { Account } from './accounts.ts'
import type { OutsideLookup } from './destination-ports.ts'

/** Why there is no port for what is new. */
export type PortRefusal = 'ports-exhausted' | 'peer-ports-exhausted' | 'blocks-exhausted'

/** Where the ports and ICMP identifiers of one outside address come from. */
export interface OutsidePorts {
  /**
   * A port for something new, to be given back with `release`. `taken` is what has its tuple already; where mapping is
   * endpoint-independent, a port has one holder and `taken` is not asked.
   */
  take(
    protocol: number,
    taken: OutsideLookup,
    remote: number,
    remotePort: number,
    account: Account,
    now: number,
  ): number | PortRefusal
  /**
   * Takes this very port, of which nothing has the tuple. False if it may not be used, or not by this account. The log is
   * not yet told of a block that is given for it.
   */
  claim(protocol: number, port: number, account: Account, now: number): boolean
  release(protocol: number, port: number, now: number): void
  /** Ports that may be held, of a protocol of which each has one holder; undefined where destinations share them. */
  capacity(protocol: number): number | undefined
  held(protocol: number): number
}
