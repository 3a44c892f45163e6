import type * as ChildProcess from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { masqueradeRules, runNft } from './nftables.ts'

const real = await vi.importActual<typeof ChildProcess>('node:child_process')
/** What runs in the place of nft. */
let program = ''
let script = ''
vi.mock('node:child_process', () => ({
  spawn: (name: string, args: readonly string[], options: ChildProcess.SpawnOptions) => {
    expect(name).toBe('nft')
    return program === 'missing'
      ? real.spawn('/nonexistent/nft', args, options)
      : real.spawn('sh', ['-c', script], options)
  },
}))

describe('runNft', () => {
  beforeEach(() => {
    program = 'sh'
  })
  afterEach(() => {
    program = ''
  })

  test('says that nft is missing', async () => {
    program = 'missing'
    await expect(runNft('')).rejects.toThrow(
      '--egress kernel needs nft: install the package nftables, or use --egress tun',
    )
  })

  test('says that the table is there already', async () => {
    script = 'echo "/dev/stdin:1:1-25: Error: Could not process rule: File exists" >&2; exit 1'
    await expect(runNft('')).rejects.toThrow('there is an nftables table named millrace already')
  })

  test('passes on the first line of any other refusal', async () => {
    script = 'printf "/dev/stdin:1:1-25: Error: Operation not permitted\\nadd table\\n^^^\\n" >&2; exit 1'
    await expect(runNft('')).rejects.toThrow(/^nft refused the rules for --egress kernel: Operation not permitted$/)
  })

  test('does not care whether the script was read to its end', async () => {
    script = 'exit 0'
    await expect(runNft('x'.repeat(1_000_000))).resolves.toBeUndefined()
  })
})

test('the rules are for the tunnel and its subnet alone', () => {
  const rules = masqueradeRules('millrace0', '10.7.0.0/24').trim().split('\n')
  expect(rules[0]).toBe('create table ip millrace')
  for (const rule of rules.filter((line) => line.startsWith('add rule'))) {
    expect(rule).toMatch(/[io]ifname (!= )?"millrace0"/)
  }
  expect(rules.at(-1)).toContain('ip saddr 10.7.0.0/24 oifname != "millrace0" masquerade')
})
