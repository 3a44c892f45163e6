import { ConfigurationError } from '@millrace/core'

/** A line of a file, for errors: `FILE:LINE: expected ..., got ...`. */
export class Place {
  readonly #file: string
  readonly line: number

  constructor(file: string, line: number) {
    this.#file = file
    this.line = line
  }

  /** `got` is printed as it is: see {@link shown}. */
  fail(expected: string, got: string): never {
    throw new ConfigurationError(`${this.#file}:${this.line}: expected ${expected}, got ${got}`)
  }
}

/** Base64 characters that may be a key, wherever it was put by mistake: in one piece, or in all. */
const KEY_LIKE_RUN = /[A-Za-z0-9+/]{16}/
const KEY_LIKE = 40
const LONGEST = 48

/** A value as an error may show it: one line, not long, and never a key. */
export function shown(value: string): string {
  if (value === '') return 'nothing'
  if (KEY_LIKE_RUN.test(value) || value.replace(/[^A-Za-z0-9+/]/g, '').length >= KEY_LIKE)
    return `${value.length} characters`
  return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value)
}

/** A key's name as an error may show it. What is no plain word may be a key without its name. */
export function shownName(name: string): string {
  return /^[A-Za-z]{1,24}$/.test(name) ? JSON.stringify(name) : 'something else'
}
