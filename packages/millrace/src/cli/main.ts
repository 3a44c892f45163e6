#!/usr/bin/env node
import { failureOf } from './failure.ts'
import { makeProgram } from './program.ts'

// Whoever reads our output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  await makeProgram().parseAsync()
} catch (error) {
  const { text, exitCode } = failureOf(error)
  process.stderr.write(text)
  process.exitCode = exitCode
}
