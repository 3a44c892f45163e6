import { expect, test } from 'vitest'
import { makeState } from '../testing/state.ts'
import { clientConfig } from './config-text.ts'
import { qrCode } from './qr.ts'

test('a configuration fits a code that is square, two modules to a character', () => {
  const state = makeState({ endpoint: 'a-rather-long-name.vpn.example.org:51820', dns: ['9.9.9.9', '2620:fe::fe'] })
  const lines = qrCode(clientConfig(state, state.peers[0]!)).trimEnd().split('\n')
  const [first] = lines
  expect(first).toMatch(/^█+$/)
  expect(new Set(lines.map((line) => line.length)).size).toBe(1)
  expect(lines).toHaveLength(Math.ceil(first!.length / 2))
  expect(lines.join('')).toMatch(/^[█▀▄ ]+$/)
})
