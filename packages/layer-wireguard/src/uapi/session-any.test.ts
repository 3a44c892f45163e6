import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { a, b, c, none, set } from '../test-support/uapi-peers.ts'
import { MemoryTarget } from './testing/memory-target.ts'
import { converse } from './testing/session-runner.ts'

const peer = `public_key=${a}`

describe('whatever a client sends', () => {
  const key = fc.constantFrom(a, b, c, none)
  const line = fc.oneof(
    key.map((key) => `public_key=${key}`),
    key.map((key) => `private_key=${key}`),
    key.map((key) => `preshared_key=${key}`),
    fc.nat(70_000).map((port) => `listen_port=${port}`),
    fc.nat().map((mark) => `fwmark=${mark}`),
    fc.constantFrom('replace_peers', 'update_only', 'remove', 'replace_allowed_ips').map((flag) => `${flag}=true`),
    fc.ipV4().map((address) => `endpoint=${address}:51820`),
    fc.ipV6().map((address) => `endpoint=[${address}]:51820`),
    fc.tuple(fc.constantFrom('', '-'), fc.ipV4(), fc.nat(33)).map(([sign, ip, n]) => `allowed_ip=${sign}${ip}/${n}`),
    fc.nat(70_000).map((seconds) => `persistent_keepalive_interval=${seconds}`),
  )
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.array(line, { maxLength: 12 }).map((lines) => set(...lines)) },
    { weight: 1, arbitrary: fc.constant('get=1\n\n') },
  )
  const script = fc.array(operation, { maxLength: 4 }).map((operations) => Buffer.from(operations.join('')))
  const damage = fc.tuple(fc.nat(2000), fc.nat(6), fc.uint8Array({ maxLength: 6 }))
  const damaged = fc.tuple(script, fc.array(damage, { maxLength: 4 })).map(([bytes, damages]) => {
    let result = bytes
    for (const [at, count, put] of damages) {
      result = Buffer.concat([result.subarray(0, at), put, result.subarray(at + count)])
    }
    return result
  })
  const bytes = fc.oneof({ weight: 3, arbitrary: damaged }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 500 }) })
  const cuts = fc.array(fc.nat(1500), { maxLength: 8 })

  test('is answered in whole answers, and the same however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, cuts, async (bytes, cuts) => {
        const [whole, pieces] = [new MemoryTarget(), new MemoryTarget()]
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((x, y) => x - y), bytes.length]
        const answer = await converse(whole, [bytes])
        const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
        expect(await converse(pieces, chunks)).toBe(answer)
        expect(pieces.snapshot()).toEqual(whole.snapshot())
        expect(answer).toMatch(/^(?:(?:[a-z_]+=\S+\n)*errno=-?\d+\n\n)*$/)
        if (bytes.length > 0) expect(answer).not.toBe('')
      }),
      { numRuns: 1500 },
    )
  })

  test('no byte of it can be cut wrongly', async () => {
    const script = Buffer.from(`${set(`private_key=${c}`, peer, 'endpoint=192.0.2.1:1', 'allowed_ip=::/0')}get=1\n\n`)
    const whole = await converse(new MemoryTarget(), [script])
    expect(whole).toContain('allowed_ip=::/0')
    for (let cut = 0; cut <= script.length; cut++) {
      const target = new MemoryTarget()
      expect(await converse(target, [script.subarray(0, cut), script.subarray(cut)])).toBe(whole)
    }
  })

  test('no key is logged', async () => {
    const logged: unknown[] = []
    const log = (fields: object, message: string): void => void logged.push(fields, message)
    const logger = { debug: log, info: log, warn: log, error: log }
    const secrets = [`private_key=${a}x`, `private_key${a}`, `${a}=${a}`, `public_key=${b}\npreshared_key=${a}${a}`]
    for (const secret of secrets) await converse(new MemoryTarget(), [set(secret)], logger)
    await converse(new MemoryTarget(), [`set=1\nprivate_key=${a}`], logger)
    const everything = logged.map((one) =>
      JSON.stringify(one, (_, value) => (value instanceof Error ? `${value.stack}` : value)),
    )
    expect(logged.length).toBe(8)
    expect(everything.join('\n')).not.toContain(a.slice(0, 8))
    expect(everything.join('\n')).toContain('private_key: expected 64 hex digits')
  })
})

test('130,560 allowed IPs, in and out', async () => {
  const lines = [peer]
  for (let i = 0; i < 65_280; i++) {
    lines.push(`allowed_ip=10.${i >> 8}.${i & 255}.0/24`, `allowed_ip=fd00:${(i + 1).toString(16)}:1::/48`)
  }
  const script = Buffer.from(`set=1\n${lines.join('\n')}\n\n`)
  const chunks: Buffer[] = []
  for (let at = 0; at < script.length; at += 65_536) chunks.push(script.subarray(at, at + 65_536))
  let count = 0
  const target = new MemoryTarget()
  target.addAllowedIp = () => void count++
  const began = performance.now()
  expect(await converse(target, chunks)).toBe('errno=0\n\n')
  const setTime = performance.now() - began
  expect(count).toBe(130_560)

  const full = new MemoryTarget()
  await converse(full, chunks)
  const from = performance.now()
  const answer = await converse(full, ['get=1\n\n'])
  const getTime = performance.now() - from
  expect(
    answer
      .split('\n')
      .filter((line) => line.startsWith('allowed_ip='))
      .sort(),
  ).toEqual(lines.slice(1).sort())
  // Much more than it takes alone on a machine: others may be at work.
  expect(setTime).toBeLessThan(5000)
  expect(getTime).toBeLessThan(5000)
})
