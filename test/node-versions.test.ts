import { execFileSync } from 'node:child_process'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('./support/crypto-known-answers.mjs', import.meta.url))
const others = process.env['MILLRACE_NODES']?.split(delimiter).filter((path) => path !== '') ?? []
const needs = others.length === 0 ? ' (needs MILLRACE_NODES, paths of node programs)' : ''

/** What `node` says of its AEADs and implementations of X25519: which are there, and which are right. */
function tried(node: string): { version: string; chosen: string; aeads: object; curves: object } {
  return JSON.parse(execFileSync(node, [program], { encoding: 'utf8' }))
}

// What a Node.js from nodejs.org has on the platforms that koffi is built for. The inner functions of OpenSSL are not a
// public API: a version that drops them shows up here, and falls back.
const ALL = {
  chosen: 'openssl',
  aeads: { openssl: true, evp: true, node: true, noble: true },
  curves: { openssl: true, node: true, noble: true },
}

test('every AEAD and X25519 is right, as built, under the Node.js of these tests', () => {
  const { version, aeads, curves } = tried(process.execPath)
  expect(version).toBe(process.versions.node)
  expect([aeads, curves]).toMatchObject([
    { node: true, noble: true },
    { node: true, noble: true },
  ])
  expect(Object.values({ ...aeads, ...curves })).not.toContain(false)
})

test.skipIf(others.length === 0)(`every AEAD and X25519 is there and right under other Nodes${needs}`, () => {
  for (const node of others) expect(tried(node), node).toMatchObject(ALL)
})
