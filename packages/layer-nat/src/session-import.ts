import { type Clock, ConfigurationError } from '@millrace/core'
import type { Account } from './accounts.ts'
import { isMartian } from './classify.ts'
import { hasPorts } from './protocols.ts'
import { type BlockFields, readBlock, readHeader, readSession, type SessionFields } from './read-records.ts'
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
  readonly #entered: number[] = []
  /** By session: when it was last used. */
  readonly #usedAt: Float64Array
  readonly #refused: Partial<Record<NatImportRefusal, number>> = {}
  #blocks = 0

  private constructor(table: NatTable, rules: ImportRules, now: number, elapsed: number) {
    this.#table = table
    this.#rules = rules
    this.#now = now
    this.#elapsed = elapsed
    this.#usedAt = new Float64Array(table.view.capacity)
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
          const elapsed = Math.max(0, clock.wall() - readHeader(record))
          run = new SessionImport(table, rules, table.now, elapsed)
        } else run.#take(record)
      }
    } finally {
      if (run !== undefined) run.#finish()
    }
    if (run === undefined) throw new ConfigurationError('nat importSessions: expected a header as the first record')
    return { sessions: run.#entered.length, blocks: run.#blocks, refused: run.#refused }
  }

  #take(record: unknown): void {
    const session = readSession(record)
    const block = session === undefined ? readBlock(record) : undefined
    let refusal: NatImportRefusal | undefined = 'invalid'
    if (session !== undefined) refusal = this.#refuse(session) ?? this.#enter(session)
    else if (block !== undefined) refusal = this.#claim(block)
    if (refusal !== undefined) this.#refused[refusal] = (this.#refused[refusal] ?? 0) + 1
  }

  /** What is wrong with the session itself. */
  #refuse({ protocol, inside, outside, remote, remaining, tcp }: SessionFields): NatImportRefusal | undefined {
    const { statics, tables } = this.#table
    const { otherProtocols, isOutside } = this.#rules
    if (!hasPorts(protocol) && !otherProtocols) return 'protocol-not-translated'
    if (!tables.opener.isOurs(outside.address)) return 'foreign-address'
    if (isMartian(inside.address) || isMartian(remote.address) || isOutside(inside.address)) return 'martian'
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
    if (fields.tcp !== undefined) timers.restore(session, fields.tcp)
    view.restore(session, this.#now - this.#elapsed - fields.age, fields.up, fields.down)
    const timeout = timers.timeoutFor(protocol, fields.tcp?.state ?? 0)
    this.#usedAt[session] = this.#now - this.#elapsed - (timeout - Math.min(fields.remaining, timeout))
    this.#entered.push(session)
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
    blocks.tell()
    this.#blocks++
    return undefined
  }

  #accountOf(name: string | undefined, inside: number): Account {
    const { accounts } = this.#table.tables
    return name === undefined ? accounts.get(inside) : (this.#accounts.get(name) ?? accounts.await(name))
  }

  #finish(): void {
    const { timers, sessions, accounts } = this.#table.tables
    const usedAt = (session: number): number => this.#usedAt[session] as number
    this.#entered.sort((a, b) => usedAt(a) - usedAt(b))
    timers.resume(this.#entered, (session) => sessions.protocol(session), usedAt)
    accounts.dropEmpty()
  }
}
