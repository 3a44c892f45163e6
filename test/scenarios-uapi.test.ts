import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Namespace, needs } from './support/netns.ts'
import { Daemon, removeSocket } from './support/scenario-daemon.ts'
import { interfaceName, keyPair, rows } from './support/scenario-end.ts'
import { PROGRAMS } from './support/scenario-programs.ts'

const NAME = interfaceName('u')

describe.each(PROGRAMS.map((program) => [program.name, program] as const))('scenarios: wg and %s', (_, program) => {
  const scenario = test.skipIf(program.missing.length > 0)
  const title = (text: string): string => `${text}${needs(program.missing)}`

  let namespace: Namespace
  let folder: string
  beforeEach(async () => {
    namespace = new Namespace('uapi')
    folder = mkdtempSync(join(tmpdir(), 'millrace-'))
    await Daemon.start(program, NAME, namespace, join(folder, 'log'))
  })
  afterEach(async () => {
    await namespace.remove()
    removeSocket(NAME)
    rmSync(folder, { recursive: true })
  })

  scenario(title('130,560 allowed IPs of one peer come back as they were set'), async () => {
    const peer = keyPair().publicKey
    const bytes = Array.from({ length: 256 }, (_, byte) => byte)
    const allowedIps = bytes
      .slice(1)
      .flatMap((high) => bytes.flatMap((low) => [`${high}.${low}.0.0/16`, ipv6(high, low)]))
    expect(allowedIps).toHaveLength(130_560)
    await setConfiguration([keyPair().privateKey, [peer, allowedIps]])
    const [[key, list = ''] = [], ...others] = await show('allowed-ips')
    expect(others).toEqual([])
    expect(key).toBe(peer)
    expectSame(list.split(' '), allowedIps)
  })

  scenario(title('40 peers of 52 allowed IPs each'), async () => {
    const peers = Array.from({ length: 40 }, (_, number): Peer => {
      const allowedIps = Array.from({ length: 52 }, (_, low) => `${number + 1}.${low}.0.0/16`)
      return [keyPair().publicKey, allowedIps]
    })
    await setConfiguration([keyPair().privateKey, ...peers])
    const shown = new Map((await show('allowed-ips')).map(([key = '', list = '']) => [key, list.split(' ')]))
    expectSame(
      [...shown.keys()],
      peers.map(([key]) => key),
    )
    for (const [key, allowedIps] of peers) expectSame(shown.get(key) ?? [], allowedIps)
  })

  scenario(title('30 peers, one of them with addresses, in `wg showconf`'), async () => {
    const peers = Array.from({ length: 29 }, (): Peer => [keyPair().publicKey, []])
    const last: Peer = [keyPair().publicKey, ['255.2.3.4/32', 'abcd::255/128']]
    await setConfiguration([undefined, ...peers, last])
    const text = await namespace.exec('wg', 'showconf', NAME)
    const keys = [...text.matchAll(/^PublicKey = (.*)$/gm)].map(([, key = '']) => key)
    expectSame(
      keys,
      [...peers, last].map(([key]) => key),
    )
    const lists = [...text.matchAll(/^AllowedIPs = (.*)$/gm)].map(([, list = '']) => list.split(', '))
    expect(lists).toHaveLength(1)
    expectSame(lists[0] ?? [], last[1])
  })

  scenario(title('an interface that does not exist is an error'), async () => {
    await expect(namespace.exec('wg', 'show', NAME)).resolves.toContain(NAME)
    await expect(namespace.exec('wg', 'show', 'doesnotexist')).rejects.toThrow('doesnotexist')
  })

  async function setConfiguration([privateKey, ...peers]: readonly [string | undefined, ...Peer[]]): Promise<void> {
    const lines = privateKey === undefined ? [] : ['[Interface]', `PrivateKey = ${privateKey}`]
    for (const [key, allowedIps] of peers) {
      lines.push('[Peer]', `PublicKey = ${key}`)
      for (const allowedIp of allowedIps) lines.push(`AllowedIPs = ${allowedIp}`)
    }
    const path = join(folder, 'configuration')
    writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 })
    await namespace.exec('wg', 'setconf', NAME, path)
  }

  async function show(part: string): Promise<ReturnType<typeof rows>> {
    return rows((await namespace.exec('wg', 'show', NAME, part)).trim())
  }
})

/** Public key and allowed IPs. */
type Peer = readonly [string, readonly string[]]

/** An address as `wg` writes it, `ab::cd/128`. */
function ipv6(high: number, low: number): string {
  return `${high.toString(16)}::${low === 0 ? '' : low.toString(16)}/128`
}

/** The same elements in any order; says which are missing, since a comparison of so many would print them all. */
function expectSame(actual: readonly string[], expected: readonly string[]): void {
  const found = new Set(actual)
  expect(expected.filter((each) => !found.has(each)).slice(0, 10)).toEqual([])
  expect(actual).toHaveLength(expected.length)
}
