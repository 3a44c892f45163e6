import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { generatePrivateKey, publicKeyOf } from '@millrace/layer-wireguard'
import { describe, expect, test } from 'vitest'
import { missingForNamespaces, Namespace, needs } from './support/netns.ts'

const folder = fileURLToPath(new URL('../examples/', import.meta.url))
const examples = readdirSync(folder).filter((name) => name.endsWith('.ts'))
/** Those that a test of their own runs, because they do not end by themselves or need more than Node. */
const withOwnTest = ['static-ip-egress.ts', 'rootless-gateway.ts']

/** What the header of an example says that it prints. */
function promised(name: string): string {
  const source = readFileSync(`${folder}${name}`, 'utf8')
  const header = source.slice(0, source.indexOf('*/'))
  const lines = header.split('\n')
  const from = lines.indexOf(' * Prints:')
  expect(from, `${name} has a header with "Prints:"`).toBeGreaterThan(0)
  return lines
    .slice(from + 1, -1)
    .map((line) => line.replace(/^ \* {8}/, ''))
    .join('\n')
}

const program = (name: string): string => `${folder}dist/${name.replace('.ts', '.js')}`

test.each(examples.filter((name) => !withOwnTest.includes(name)))('%s prints what its header says', (name) => {
  expect(execFileSync('node', [program(name)], { encoding: 'utf8' }).trimEnd()).toBe(promised(name))
})

test.each(examples)('%s has a header that says what it shows and how to run it, and is in the README', (name) => {
  const source = readFileSync(`${folder}${name}`, 'utf8')
  expect(source).toMatch(/^\/\*\*\n \* What: {2}\S/)
  expect(source).toContain(`node examples/dist/${name.replace('.ts', '.js')}`)
  expect(readFileSync(`${folder}../README.md`, 'utf8')).toContain(`examples/${name}`)
})

const missing = missingForNamespaces('wg')
describe.skipIf(missing.length > 0)(`with an address of its own${needs(missing)}`, () => {
  test('rootless-gateway.ts prints what its header says, as nobody, and ends on SIGTERM', async () => {
    const namespace = new Namespace('rootless')
    try {
      namespace.run('ip', 'address', 'add', '203.0.113.7/32', 'dev', 'lo')
      const key = generatePrivateKey()
      const environment = ['env', `CLIENT=${publicKeyOf(generatePrivateKey())}`, `PRIVATE_KEY=${key}`]
      const nobody = ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups', '--no-new-privs']
      const gateway = namespace.start(...nobody, ...environment, 'node', program('rootless-gateway.ts'))
      await gateway.printed(/public key is/)
      const expected = promised('rootless-gateway.ts').replace('<its public key>', publicKeyOf(key))
      expect(await gateway.stop('SIGTERM'), gateway.stderr).toBe(0)
      expect(gateway.stdout.trimEnd()).toBe(expected)
    } finally {
      await namespace.remove()
    }
  })
})

describe.skipIf(missing.length > 0)(`with a TUN${needs(missing)}`, () => {
  test('static-ip-egress.ts prints what its header says, and ends on SIGTERM without a trace', async () => {
    const namespace = new Namespace('example')
    try {
      const key = generatePrivateKey()
      const environment = ['env', `CLIENT=${publicKeyOf(generatePrivateKey())}`, `PRIVATE_KEY=${key}`]
      const gateway = namespace.start(...environment, 'node', program('static-ip-egress.ts'))
      await gateway.printed(/public key is/)
      expect(namespace.run('ip', 'route', 'get', '203.0.113.7')).toContain('dev egress0')
      const expected = promised('static-ip-egress.ts').replace('<its public key>', publicKeyOf(key))
      expect(await gateway.stop('SIGTERM'), gateway.stderr).toBe(0)
      expect(gateway.stdout.trimEnd()).toBe(expected)
      expect(namespace.run('ip', '-o', 'link')).not.toContain('egress0')
    } finally {
      await namespace.remove()
    }
  })
})
