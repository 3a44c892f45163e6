import { ConfigurationError } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeKey } from '../keys.ts'
import { anyConfig } from '../test-support/any-config.ts'
import { formatConfig } from './format-config.ts'
import { parseConfig } from './parse-config.ts'

test('50,000 damaged files: read or refused, and no key is shown', () => {
  const seed = Number(process.env['MILLRACE_SEED'] ?? 1)
  const random = new SeededRandom(seed)
  const pick = (below: number): number => random.uint32() % below
  const files = fc.sample(anyConfig, { numRuns: 100, seed }).map((config) => ({
    text: formatConfig(config),
    secrets: [config.interface.privateKey, ...config.peers.flatMap((peer) => peer.presharedKey ?? [])].map(encodeKey),
  }))
  const junk = [
    '\n',
    '=',
    '#',
    '[',
    ']',
    ',',
    ' ',
    ':',
    '/',
    '%',
    '0',
    '\0',
    '\r',
    '\u2028',
    '💻',
    '[Peer]\n',
    '__proto__ = 1\n',
    'constructor=\n',
  ]
  let refused = 0
  for (let round = 0; round < 50_000; round++) {
    const { text, secrets } = files[pick(files.length)] as (typeof files)[number]
    let damaged = text
    for (let damages = 1 + pick(3); damages > 0; damages--) {
      const at = pick(damaged.length + 1)
      const kept = pick(2) === 0 ? damaged.slice(at + pick(20)) : damaged.slice(at)
      damaged = damaged.slice(0, at) + (pick(3) === 0 ? '' : junk[pick(junk.length)]) + kept
    }
    try {
      parseConfig(damaged)
    } catch (error) {
      refused++
      if (!(error instanceof ConfigurationError)) throw error
      const { message } = error
      if (!/^configuration:\d+: expected [^\n]+, got [^\n]+$/.test(message)) throw new Error(`seed ${seed}: ${message}`)
      // Nor a part of one that would be of any help.
      for (const secret of secrets) {
        for (let i = 0; i + 16 <= 43; i++) {
          if (message.includes(secret.slice(i, i + 16))) throw new Error(`seed ${seed}: a key in ${message}`)
        }
      }
    }
  }
  expect(refused).toBeGreaterThan(10_000)
})
