import { type Token, token } from '../runtime/runtime.ts'

/**
 * Offered by a wire that can bring in several datagrams of one sender as one packet (`segmentSize`). None comes in before
 * a line that takes them apart has asked for it.
 */
export interface WireSuperPackets {
  enable(): void
}

/**
 * Offered by a host end that gives and takes super-packets. None comes down before a line that cuts them has asked for
 * it; what it takes may change while it runs, when the system turns out to refuse it.
 */
export interface HostSuperPackets {
  /** Whether it is worth joining TCP segments of one flow for it. */
  readonly tcp: boolean
  /** The same for UDP datagrams of one flow. */
  readonly udp: boolean
  enable(): void
}

export const WIRE_SUPER_PACKETS: Token<WireSuperPackets> = token('WireSuperPackets')
export const HOST_SUPER_PACKETS: Token<HostSuperPackets> = token('HostSuperPackets')
