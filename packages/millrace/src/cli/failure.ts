import { ConfigurationError, EnvironmentError } from '@millrace/core'
import { CommanderError } from 'commander'

/** How a command that failed ends: what goes to standard error, and the exit code. */
export interface Failure {
  readonly text: string
  readonly exitCode: number
}

/** One line and 2 for what the user or the machine can mend; 1 with the stack for what is a mistake of ours. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError) {
    // Help and version are no failure, nor is the help that is shown when no command is named.
    if (error.exitCode === 0 || error.code === 'commander.help') return { text: '', exitCode: 0 }
    return { text: oneLine(error.message.replace(/^error: /, '')), exitCode: 2 }
  }
  if (error instanceof ConfigurationError || error instanceof EnvironmentError) {
    return { text: oneLine(error.message), exitCode: 2 }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { text: `millrace: unexpected error, please report it\n${stack}\n`, exitCode: 1 }
}

function oneLine(message: string): string {
  return `millrace: ${message.replace(/\s+/g, ' ').trim()}\n`
}
