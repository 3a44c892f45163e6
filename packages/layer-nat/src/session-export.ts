import type { Clock } from '@millrace/core'
import type { Account, Owner } from './accounts.ts'
import { nameOf } from './egress.ts'
import { TCP } from './protocols.ts'
import { type NatRecord, type NatSessionRecord, RECORD_VERSION } from './session-records.ts'
import type { NatTable } from './table.ts'

/** All that another table needs to go on with the sessions of this one. Allocates one record at a time. */
export function* exportSessions(table: NatTable, clock: Clock): Generator<NatRecord> {
  const now = clock.now()
  yield { kind: 'header', version: RECORD_VERSION, time: new Date(clock.wall()).toISOString() }
  for (const [which, blocks] of table.blocks.entries()) {
    for (const block of blocks.list()) {
      const account = blocks.ownerOf(block)
      if (account === undefined) continue
      const address = nameOf(table.egress.address(which))
      const inside = typeof account.owner === 'number' ? { inside: nameOf(account.owner) } : {}
      const [first, last] = [blocks.first(block), blocks.last(block)]
      yield { kind: 'block', ...peerOf(account.owner), ...inside, address, first, last }
    }
  }
  for (let session = 0; session < table.view.capacity; session++) {
    const account = table.tables.sessions.account(session)
    if (account !== undefined) yield recordOf(table, session, account, now)
  }
}

function recordOf({ view, tables }: NatTable, session: number, { owner }: Account, now: number): NatSessionRecord {
  const { inside, outside, remote, age, up, down } = view.describe(session, now)
  const protocol = tables.sessions.protocol(session)
  const { timers } = tables
  return {
    kind: 'session',
    ...peerOf(owner),
    protocol,
    inside,
    outside,
    remote,
    remaining: timers.remaining(session, now),
    age,
    up,
    down,
    ...(protocol === TCP ? { tcp: timers.progress(session) } : {}),
  }
}

function peerOf(owner: Owner): { readonly peer?: string } {
  return typeof owner === 'number' ? {} : { peer: owner.name }
}
