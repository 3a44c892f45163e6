import { expect, test } from 'vitest'
import type { Finding } from './finding.ts'
import { presentFindings } from './present.ts'

const good: Finding = { name: 'crypto', state: 'good', text: 'openssl' }
const limited: Finding = { name: 'ping', state: 'limited', text: 'no ping sockets', advice: 'a sysctl' }

test('a line for each, its advice below it, and the verdict', () => {
  expect(presentFindings([good, limited])).toBe(
    [
      '  ✓ crypto  openssl',
      '  – ping    no ping sockets',
      '            a sysctl',
      '',
      'A gateway can run here.',
      '',
    ].join('\n'),
  )
})

test('what has failed is the verdict', () => {
  const failed: Finding = { name: 'wire', state: 'failed', text: 'UDP port 53 is taken' }
  expect(presentFindings([good, failed])).toMatch(
    /✗ wire {4}UDP port 53 is taken\n\nA gateway cannot run here: UDP port 53 is taken\n$/,
  )
})
