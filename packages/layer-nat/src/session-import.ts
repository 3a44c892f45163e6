import { type Clock, ConfigurationError } from '@millrace/core'
import type { Account } from './accounts.ts'
import { hasPorts } from './protocols.ts'
import { type BlockFields, readBlock, readHeader, readSession, type SessionFields } from './read-records.ts'
import type { RecordAddresses } from './record-addresses.ts'
import type { NatTable } from './table.ts'

/** Why a record was not taken. */
export type NatImportRefusal =
  | 'invalid'
  | 'protocol-not-translated'
  | 'foreign-address'
  | 'martian'
  | 'static-mapping'
  | 'expired'
  | 'duplicate'
  | 'mapping-conflict'
  | 'port-unavailable'
  | 'block-unavailable'
  | 'sessions-exhausted'
  | 'peer-sessions-exhausted'
  | 'peer-ports-exhausted'

/** What has become of the records. */
export interface NatImported {
  readonly sessions: number
  readonly blocks: number
  /** How many were refused, by the reason, only of reasons that there were. */
  readonly refused: Readonly<Partial<Record<NatImportRefusal, number>>>
}

/** What the table does not know of its NAT. */
export interface ImportRules {
  /** Of the layer. */
  readonly name: string
  readonly addresses: RecordAddresses
  readonly otherProtocols: boolean
  /** Whether an address is an outside address of the NAT. */
  readonly isOutside: (address: number) => boolean
}

/** Puts what another table has exported into this one, as far as it fits. */
export class SessionImport {
  readonly #table: NatTable
  readonly #rules: ImportRules
  readonly #now: number
  /** Milliseconds since the export. */
  readonly #elapsed: number
  readonly #accounts: ReadonlyMap<string, Account>
  readonly #refused: Partial<Record<NatImportRefusal, number>> = {}
  #sessions = 0
  #blocks = 0

  private constructor(table: NatTable, rules: ImportRules, now: number, elapsed: number) {
    this.#table = table
    this.#rules = rules
    this.#now = now
    this.#elapsed = elapsed
    const named = table.accounts().flatMap((account) => {
      return typeof account.owner === 'number' ? [] : [[account.owner.name, account] as const]
    })
    this.#accounts = new Map(named)
  }

  /** Throws a ConfigurationError if the first record is not the header of a version that we know, and nothing else does. */
  static run(records: Iterable<unknown>, table: NatTable, rules: ImportRules, clock: Clock): NatImported {
    let run: SessionImport | undefined
    try {
      for (const record of records) {
        if (run === undefined) {
          const elapsed = Math.max(0, clock.wall() - readHeader(record, rules.name))
          run = new SessionImport(table, rules, table.now, elapsed)
        } else run.#take(record)
      }
    } finally {
      if (run !== undefined) run.#finish()
    }
    if (run === undefined)
      throw new ConfigurationError(`${rules.name} importSessions: expected a header as the first record`)
    return { sessions: run.#sessions, blocks: run.#blocks, refused: run.#refused }
  }

  #take(record: unknown): void {
    const { addresses } = this.#rules
    const session = readSession(record, addresses)
    const block = session === undefined ? readBlock(record, addresses) : undefined
    let refusal: NatImportRefusal | undefined = 'invalid'
    if (session !== undefined) refusal = this.#refuse(session) ?? this.#enter(session)
    else if (block !== undefined) refusal = this.#claim(block)
    if (refusal !== undefined) this.#refused[refusal] = (this.#refused[refusal] ?? 0) + 1
  }

  /** What is wrong with the session itself. */
  #refuse({ protocol, inside, outside, remote, remaining, tcp }: SessionFields): NatImportRefusal | undefined {
    const { statics, tables } = this.#table
    const { otherProtocols, isOutside, addresses } = this.#rules
    if (!hasPorts(protocol) && !otherProtocols) return 'protocol-not-translated'
    if (!tables.opener.isOurs(outside.address)) return 'foreign-address'
    if (addresses.isMartianInside(inside.address) || isOutside(inside.address)) return 'martian'
    if (addresses.isMartianRemote(remote.address)) return 'martian'
    if (statics.addressByInside(inside.address) !== undefined) return 'static-mapping'
    if (statics.byInside(protocol, inside.address, inside.port) !== undefined) return 'static-mapping'
    const timeout = tables.timers.timeoutFor(protocol, tcp?.state ?? 0)
    return Math.min(remaining, timeout) <= this.#elapsed ? 'expired' : undefined
  }

  /** Why there is no place for it here. */
  #enter({ protocol, inside, outside, remote, ...fields }: SessionFields): NatImportRefusal | undefined {
    const { lookups, roster, tables } = this.#table
    const { sessions, mappings, accounts, opener, timers, view } = tables
    if (sessions.isFull) return 'sessions-exhausted'
    const { address, port } = inside
    if (sessions.findInside(protocol, address, port, remote.address, remote.port) >= 0) return 'duplicate'
    if (sessions.findOutside(protocol, outside.address, outside.port, remote.address, remote.port) >= 0) {
      return 'duplicate'
    }
    const account = this.#accountOf(fields.name, address)
    if (accounts.hasAllSessions(account)) return 'peer-sessions-exhausted'
    let mapping = -1
    if (lookups.isShared(protocol)) {
      const mappedRemote = lookups.mappedRemote(protocol, remote.address)
      mapping = mappings.findInside(protocol, address, port, mappedRemote)
      const holder = mappings.findOutside(protocol, outside.address, outside.port, mappedRemote)
      if (mapping !== holder) return 'mapping-conflict'
      if (mapping < 0 && accounts.hasAllPorts(account)) return 'peer-ports-exhausted'
    }
    const isNew = mapping < 0
    if (isNew && !opener.claim(protocol, outside.address, outside.port, account, this.#now)) return 'port-unavailable'
    opener.set(outside.address, outside.port)
    const session = roster.enter(protocol, address, port, remote.address, remote.port, account, mapping, this.#now)
    view.restore(session, this.#now - this.#elapsed - fields.age, fields.up, fields.down)
    const timeout = timers.timeoutFor(protocol, fields.tcp?.state ?? 0)
    const used = this.#now - this.#elapsed - (timeout - Math.min(fields.remaining, timeout))
    timers.resume(session, protocol, used, fields.tcp)
    this.#sessions++
    return undefined
  }

  #claim({ name, inside, address, first, last }: BlockFields): NatImportRefusal | undefined {
    const blocks = this.#table.blocks.find((_, which) => this.#table.egress.address(which) === address)
    const block = blocks?.blockOf(first) ?? -1
    if (blocks === undefined || block < 0 || blocks.first(block) !== first || blocks.last(block) !== last) {
      return 'block-unavailable'
    }
    if (blocks.ownerOf(block) !== undefined) return 'duplicate'
    if (!blocks.claim(block, this.#accountOf(name, inside), this.#now)) return 'block-unavailable'
    this.#blocks++
    return undefined
  }

  #accountOf(name: string | undefined, inside: number): Account {
    const { accounts } = this.#table.tables
    return name === undefined ? accounts.get(inside) : (this.#accounts.get(name) ?? accounts.await(name))
  }

  #finish(): void {
    this.#table.tables.accounts.dropEmpty()
    // Whoever writes the log may look at the table, which is in order by now.
    for (const blocks of this.#table.blocks) blocks.tell()
  }
}
