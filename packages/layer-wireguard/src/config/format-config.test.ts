import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ConfigurationError } from '@millrace/core'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeKey } from '../keys.ts'
import { anyConfig } from '../test-support/any-config.ts'
import { formatConfig } from './format-config.ts'
import { parseConfig } from './parse-config.ts'

const [privateKey, publicKey] = [200, 1].map((seed) => encodeKey(new Uint8Array(32).fill(seed))) as [string, string]
const minimal = `[Interface]\nPrivateKey = ${privateKey}\n`

test('what is written is read as it was', () => {
  fc.assert(
    fc.property(anyConfig, (config) => {
      expect(parseConfig(formatConfig(config))).toEqual(config)
    }),
    { numRuns: 500 },
  )
})

test('a name or a command that is more than a line is not written', () => {
  const config = parseConfig(`${minimal}[Peer]\nPublicKey = ${publicKey}\n`)
  for (const name of ['a\nPostUp = reboot', 'a = b', '', ' a', 'a\r', 'x'.repeat(65)]) {
    const peers = config.peers.map((peer) => ({ ...peer, name }))
    expect(() => formatConfig({ ...config, peers })).toThrow(ConfigurationError)
  }
  for (const command of ['a\nb', 'a # b', ' a', 'a\u0007']) {
    const changed = { ...config.interface, postUp: [command] }
    expect(() => formatConfig({ ...config, interface: changed })).toThrow(ConfigurationError)
  }
})

const run = promisify(execFile)
function hasWgQuick(): boolean {
  try {
    execFileSync('wg-quick', ['help'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

describe.skipIf(!hasWgQuick())('wg-quick strip (needs root and wg-quick)', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('leaves what is for wg, as we read it', async () => {
    const path = join(folder, 'wg0.conf')
    for (const [i, config] of fc.sample(anyConfig, { numRuns: 40, seed: 7 }).entries()) {
      const text =
        i % 2 === 0 ? formatConfig(config) : formatConfig(config).replace(/^\w+ =/gm, (key) => `\t${key.toUpperCase()}`)
      writeFileSync(path, text, { mode: 0o600 })
      const { stdout } = await run('wg-quick', ['strip', path])
      const { privateKey, listenPort, fwmark } = config.interface
      const left = parseConfig(stdout)
      expect(left).toEqual({
        interface: { ...parseConfig(minimal).interface, privateKey, listenPort, fwmark },
        peers: config.peers,
      })
    }
  })
})
