import type { Finding } from './finding.ts'

const MARKS: Readonly<Record<Finding['state'], string>> = { good: '✓', limited: '–', failed: '✗' }

/** A line for each finding, a line more where something can be done, and the verdict. */
export function presentFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length))
  const lines = findings.flatMap(({ name, state, text, advice }) => [
    `  ${MARKS[state]} ${name.padEnd(width)}  ${text}`,
    ...(advice === undefined ? [] : [`    ${' '.repeat(width)}  ${advice}`]),
  ])
  const failed = findings.filter(({ state }) => state === 'failed')
  const verdict = failed.length === 0 ? 'A gateway can run here.' : `A gateway cannot run here: ${failed[0]?.text}`
  return `${lines.join('\n')}\n\n${verdict}\n`
}
