import { UsageError } from './usage-error.ts'

/** What the command line asks for. */
export interface WgArguments {
  readonly foreground: boolean
  readonly interfaceName: string
}

export const USAGE = 'usage: millrace-wg [-f|--foreground] INTERFACE'

/** The words behind the program's name. Throws a UsageError. */
export function parseArguments(words: readonly string[]): WgArguments {
  const foreground = words[0] === '-f' || words[0] === '--foreground'
  const [interfaceName, ...more] = foreground ? words.slice(1) : words
  if (interfaceName === undefined || more.length > 0 || interfaceName.startsWith('-')) {
    throw new UsageError(USAGE)
  }
  // What both the kernel and `wg` take for a name.
  if (!/^[\w=+.-]{1,15}$/.test(interfaceName) || interfaceName === '.' || interfaceName === '..') {
    const got = JSON.stringify(interfaceName.slice(0, 32))
    throw new UsageError(`interface name: expected 1 to 15 letters, digits and _=+.-, got ${got}`)
  }
  return { foreground, interfaceName }
}
