import type { NatTcpProgress } from './session-timers.ts'
import type { NatEnd, NatTraffic } from './session-view.ts'

/** Of the records. One that a reader does not know is refused as a whole. */
export const RECORD_VERSION = 1

/** The first of all records. */
export interface NatExportHeader {
  readonly kind: 'header'
  readonly version: typeof RECORD_VERSION
  /** When they were made, as ISO 8601: sessions have aged since. */
  readonly time: string
}

/** A block of ports that somebody has, at rest or not. */
export interface NatBlockRecord {
  readonly kind: 'block'
  /** Name of the peer. Where packets have no peer it is missing, and `inside` says whose it is. */
  readonly peer?: string
  readonly inside?: string
  readonly address: string
  readonly first: number
  readonly last: number
}

/** A live session. Which sessions share a mapping follows from their ends. */
export interface NatSessionRecord {
  readonly kind: 'session'
  /** Name of the peer, missing where packets have none. */
  readonly peer?: string
  /** IANA protocol number. */
  readonly protocol: number
  readonly inside: NatEnd
  readonly outside: NatEnd
  readonly remote: NatEnd
  /** Milliseconds until it ends if nothing passes, and since it began, both at the time of the header. */
  readonly remaining: number
  readonly age: number
  readonly up: NatTraffic
  readonly down: NatTraffic
  /** Of TCP: what has been seen of the connection. */
  readonly tcp?: NatTcpProgress
}

/** What `exportSessions` gives and `importSessions` takes; JSON as it stands. */
export type NatRecord = NatExportHeader | NatBlockRecord | NatSessionRecord
