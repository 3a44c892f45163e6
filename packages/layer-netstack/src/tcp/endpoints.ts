import type { Peer } from '@millrace/core'
import { addressOf } from '../ip/socket-pair.ts'
import type { Connection } from './connection.ts'

/** The two ends of a connection; addresses have 4 or 16 bytes. `local` is where a SYN from outside was sent to. */
export interface Endpoints {
  readonly version: 4 | 6
  readonly localAddress: Uint8Array
  readonly localPort: number
  readonly remoteAddress: Uint8Array
  readonly remotePort: number
  /** Who sent the SYN, if the stack said so. */
  readonly peer: Peer | undefined
}

/** Where to connect; the addresses are of one family. */
export type ConnectOptions = Omit<Endpoints, 'version' | 'peer'> & { readonly peer?: Peer | undefined }

export function endpointsOf({ key, version, peer }: Connection): Endpoints {
  const ports = key[8] as number
  return {
    version,
    localAddress: addressOf(key, 0, version),
    localPort: ports >>> 16,
    remoteAddress: addressOf(key, 4, version),
    remotePort: ports & 0xffff,
    peer,
  }
}
