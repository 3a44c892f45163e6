import type { Logger } from '@millrace/core'
import type { LogLevel } from './environment.ts'

/** Lines on standard error for what is of this level or worse: `ERROR: (wg0) message {"field":1}`. */
export function levelLogger(level: LogLevel, interfaceName: string, write: (line: string) => void): Logger {
  const line = (label: string) => (fields: object, message: string) =>
    write(`${label}: (${interfaceName}) ${message}${detailsOf(fields)}\n`)
  const nothing = (): void => {}
  const all = level === 'debug'
  return {
    debug: all ? line('DEBUG') : nothing,
    info: all ? line('INFO') : nothing,
    warn: level === 'silent' ? nothing : line('WARNING'),
    error: level === 'silent' ? nothing : line('ERROR'),
  }
}

function detailsOf(fields: object): string {
  const entries = Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? value.message : value])
  return entries.length === 0 ? '' : ` ${JSON.stringify(Object.fromEntries(entries))}`
}
