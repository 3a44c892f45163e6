import { type Logger, pino } from 'pino'
import { formatLine } from './log-line.ts'

/** A pino logger on standard error: JSON lines for programs, else readable ones. */
export function cliLogger({ json }: { readonly json: boolean }): Logger {
  const timestamp = pino.stdTimeFunctions.isoTime
  if (json) return pino({ base: null, timestamp }, process.stderr)
  return pino({ base: null, timestamp }, { write: (line: string) => void process.stderr.write(formatLine(line)) })
}
