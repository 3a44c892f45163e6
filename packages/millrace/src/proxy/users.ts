import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { ConfigurationError } from '@millrace/core'

/** Names and passwords are at most as long as SOCKS can say (RFC 1929 §2), bytes. */
const MOST_BYTES = 255
const MOST_USERS = 1024

/** Who may use a proxy. Passwords are not held: what is, is keyed by a secret of this process. */
export class Users {
  readonly #key = randomBytes(32)
  readonly #digests: readonly Buffer[]

  private constructor(lines: readonly string[], what: string) {
    this.#digests = lines.map((line, i) => {
      const colon = line.indexOf(':')
      const [name, password] = [line.slice(0, colon), line.slice(colon + 1)]
      if (colon < 1 || !isSize(name) || !isSize(password)) {
        const rule = `expected NAME:PASSWORD, each of 1 to ${MOST_BYTES} bytes`
        throw new ConfigurationError(`${what}: ${rule}, in each line; entry ${i + 1} is not`)
      }
      return this.#digest(Buffer.from(name), Buffer.from(password))
    })
  }

  /** Lines of NAME:PASSWORD; empty ones and those that begin with # do not count. Throws a ConfigurationError. */
  static parse(text: string, what: string): Users {
    const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'))
    if (lines.length === 0) throw new ConfigurationError(`${what}: expected lines of NAME:PASSWORD, got none`)
    if (lines.length > MOST_USERS) throw new ConfigurationError(`${what}: expected at most ${MOST_USERS} lines`)
    return new Users(lines, what)
  }

  /** Takes as long for one name as for another. */
  accepts(name: Uint8Array, password: Uint8Array): boolean {
    const digest = this.#digest(name, password)
    let isKnown = false
    for (const known of this.#digests) if (timingSafeEqual(known, digest)) isKnown = true
    return isKnown
  }

  #digest(name: Uint8Array, password: Uint8Array): Buffer {
    // The length first: what is one name and password cannot be another.
    return createHmac('sha256', this.#key).update(`${name.length}:`).update(name).update(password).digest()
  }
}

function isSize(text: string): boolean {
  const bytes = Buffer.byteLength(text)
  return bytes >= 1 && bytes <= MOST_BYTES
}
