import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { names, whole } from './options.mjs'
import { GATEWAYS } from './rootless-gateways.mjs'
import { GROUPS } from './rootless-measures.mjs'

/** Reads the command line of rootless.mjs; ends the process with one line if it cannot be. */
export function readRootlessOptions() {
  try {
    const { values } = parseArgs({
      options: {
        rounds: { type: 'string', default: '3' },
        seconds: { type: 'string', default: '2' },
        only: { type: 'string' },
        measures: { type: 'string' },
        cache: { type: 'string', default: join(homedir(), '.cache', 'millrace-bench') },
        profile: { type: 'string' },
        markdown: { type: 'boolean', default: false },
      },
    })
    return {
      ...values,
      rounds: whole('--rounds', values.rounds),
      seconds: whole('--seconds', values.seconds),
      only: names('--only', values.only, GATEWAYS),
      measures: names('--measures', values.measures, Object.keys(GROUPS)),
    }
  } catch (error) {
    console.error(`bench: ${error.message}`)
    process.exit(1)
  }
}
