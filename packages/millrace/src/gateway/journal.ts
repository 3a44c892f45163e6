import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@millrace/core'
import * as v from 'valibot'
import { writeAtomically } from '../state/atomic-file.ts'
import { type Change, changeSchema, isMade, make, undo } from './changes.ts'
import type { Host } from './host.ts'

const journalSchema = v.object({ version: v.literal(1), machine: v.string(), changes: v.array(changeSchema) })

/**
 * Changes the machine and puts it back. Each change is on disk (`undo.json`) before it is made and until it is undone,
 * so that the next start can clean up after a process that was killed.
 */
export class Journal {
  readonly #file: string
  readonly #host: Host
  #changes: readonly Change[] = []

  constructor(directory: string, host: Host) {
    this.#file = join(directory, 'undo.json')
    this.#host = host
  }

  /** Undoes what a killed process left. Changes of an earlier boot are gone by themselves. */
  async recover(logger: Logger): Promise<void> {
    const left = this.#read(logger)
    if (left === undefined) return
    this.#changes = left.machine === this.#host.identity ? left.changes : []
    if (this.#changes.length > 0) logger.warn({ changes: this.#changes.length }, 'cleaning up after a killed gateway')
    await this.undoAll()
  }

  async make(change: Change): Promise<void> {
    if (isMade(change, this.#host)) return
    const before = this.#changes
    this.#write([...before, change])
    try {
      await make(change, this.#host)
    } catch (error) {
      this.#write(before)
      throw error
    }
  }

  /** Undoes what was made since there were `mark` changes, the last first. One that fails stays in the file. */
  async undoAll(mark = 0): Promise<void> {
    const errors: unknown[] = []
    for (const change of this.#changes.slice(mark).reverse()) {
      try {
        await undo(change, this.#host)
        this.#write(this.#changes.filter((other) => other !== change))
      } catch (error) {
        errors.push(error)
      }
    }
    if (this.#changes.length === 0) rmSync(this.#file, { force: true })
    if (errors.length > 0) throw errors[0]
  }

  /** How many changes are made now: a mark for `undoAll`. */
  get mark(): number {
    return this.#changes.length
  }

  #write(changes: readonly Change[]): void {
    this.#changes = changes
    if (changes.length === 0) rmSync(this.#file, { force: true })
    else {
      const machine = this.#host.identity
      writeAtomically(this.#file, `${JSON.stringify({ version: 1, machine, changes }, null, 2)}\n`)
    }
  }

  #read(logger: Logger): v.InferOutput<typeof journalSchema> | undefined {
    let json: string
    try {
      json = readFileSync(this.#file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    try {
      return v.parse(journalSchema, JSON.parse(json))
    } catch {
      logger.warn({ file: this.#file }, 'cannot read what a killed gateway left to undo: ignoring it')
      return undefined
    }
  }
}
