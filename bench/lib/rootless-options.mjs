import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
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

function whole(name, text) {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new Error(`${name}: expected a whole number from 1, got "${text}"`)
}

/** A list with commas between; without one it is all there are. */
function names(option, text, known) {
  const list = text?.split(',') ?? known
  const unknown = list.find((name) => !known.includes(name))
  if (unknown === undefined) return list
  throw new Error(`${option}: expected some of ${known.join(', ')}, got "${unknown}"`)
}
