import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatePrivateKey } from '@millrace/layer-wireguard'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { millrace } from '../testing/cli.ts'
import { temporaryDirectory } from '../testing/directory.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeAll(() => {
  directory = temporaryDirectory()
  const key = generatePrivateKey()
  writeFileSync(join(directory.path, 'good'), `[Interface]\nPrivateKey = ${key}\nAddress = 10.8.0.2/24\n`)
  writeFileSync(join(directory.path, 'users'), 'ann\n')
})
afterAll(() => directory.remove())

describe('millrace proxy with what cannot be: one line on standard error, nothing on standard output, exit code 2', () => {
  test.each([
    ['', "missing required argument 'file'"],
    ['good', 'proxy: expected --socks5, --http, --forward or --expose, got none of them'],
    ['good --socks5 nowhere', '--socks5: expected PORT, ADDRESS:PORT or [IPV6]:PORT, got "nowhere"'],
    ['good --expose 80=127.0.0.1:0', '--expose: expected [udp:]REMOTE=LOCAL as in 80=127.0.0.1:3000'],
    ['good --socks5 0 --auth users', '--auth: expected NAME:PASSWORD, each of 1 to 255 bytes, in each line; entry 1'],
    ['good --socks5 0 --auth none', '--auth: cannot read DIR/none (ENOENT)'],
    ['good --socks5 0', 'tunnel: expected a [Peer], got none'],
  ])('%s', async (line, message) => {
    const words = line.split(' ').filter((word) => word !== '')
    const args = words.map((word) => (/^(good|none|users)$/.test(word) ? join(directory.path, word) : word))
    const { code, stdout, stderr } = await millrace(['proxy', ...args])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    const text = stderr.replaceAll(directory.path, 'DIR')
    expect(text.startsWith(`millrace: ${message}`), text).toBe(true)
    expect(stderr).toMatch(/^[^\n]+\n$/)
  })
})
