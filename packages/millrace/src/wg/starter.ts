import { closeSync, openSync, writeSync } from 'node:fs'

const STDOUT = 1
/** What whoever has started the daemon reads when interface and control socket are there. */
export const READY = 'ready'

/**
 * Tells whoever has started this daemon, and reads its standard output, how it went: `READY`, or in one line what failed.
 * One who has gone meanwhile is no reason to end.
 */
export function tellStarter(line: string): void {
  try {
    writeSync(STDOUT, `${line}\n`)
  } catch {
    // EPIPE.
  }
  closeSync(STDOUT)
  // The lowest descriptor that is free, hence standard output again: what is opened next must not take its place.
  openSync('/dev/null', 'w')
}
