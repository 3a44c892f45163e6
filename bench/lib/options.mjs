import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { IMPLEMENTATIONS } from './implementations.mjs'
import { MEASURES } from './measures.mjs'

/** Reads the command line of bench.mjs; ends the process with one line if it cannot be. */
export function readOptions() {
  try {
    return check(
      parseArgs({
        options: {
          rounds: { type: 'string', default: '3' },
          seconds: { type: 'string', default: '3' },
          only: { type: 'string' },
          measures: { type: 'string' },
          congestion: { type: 'string' },
          cache: { type: 'string', default: join(homedir(), '.cache', 'millrace-bench') },
          markdown: { type: 'boolean', default: false },
          'build-only': { type: 'boolean', default: false },
        },
      }).values,
    )
  } catch (error) {
    console.error(`bench: ${error.message}`)
    process.exit(1)
  }
}

function check(values) {
  return {
    rounds: whole('--rounds', values.rounds),
    seconds: whole('--seconds', values.seconds),
    only: names('--only', values.only, IMPLEMENTATIONS),
    measures: names('--measures', values.measures, MEASURES),
    congestion: congestionControl(values.congestion),
    cache: values.cache,
    markdown: values.markdown,
    buildOnly: values['build-only'],
  }
}

/** One that the kernel has; its default unless asked for another. Throws what is wrong. */
function congestionControl(name) {
  const words = (file) => readFileSync(`/proc/sys/net/ipv4/${file}`, 'utf8').trim().split(' ')
  if (name === undefined) return words('tcp_congestion_control')[0]
  const available = words('tcp_available_congestion_control')
  if (available.includes(name)) return name
  throw new Error(`--congestion: expected one of ${available.join(', ')}, got "${name}"`)
}

/** A number from 1 on. Throws what is wrong. */
export function whole(name, text) {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new Error(`${name}: expected a whole number from 1, got "${text}"`)
}

/** A list with commas between; without one it is all there are. Throws what is wrong. */
export function names(option, text, known) {
  const list = text?.split(',') ?? known
  const unknown = list.find((name) => !known.includes(name))
  if (unknown === undefined) return list
  throw new Error(`${option}: expected some of ${known.join(', ')}, got "${unknown}"`)
}
