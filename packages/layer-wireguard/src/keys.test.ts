import { ConfigurationError } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { clamp, decodeKey, encodeKey, generatePresharedKey, generatePrivateKey, publicKeyOf } from './keys.ts'

// RFC 7748 §6.1, Bob.
const PRIVATE = Buffer.from('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb', 'hex')
const PUBLIC = Buffer.from('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f', 'hex')

test('a public key is that of the private key, clamped or not', () => {
  expect(publicKeyOf(PRIVATE.toString('base64'))).toBe(PUBLIC.toString('base64'))
  expect(publicKeyOf(encodeKey(clamp(Uint8Array.from(PRIVATE))))).toBe(PUBLIC.toString('base64'))
})

test('a key comes back as it was', () =>
  expect(encodeKey(decodeKey(encodeKey(PRIVATE), 'key'))).toBe(encodeKey(PRIVATE)))

test('keys are made clamped, and never the same twice', () => {
  const keys = Array.from({ length: 50 }, generatePrivateKey)
  expect(new Set(keys).size).toBe(50)
  for (const key of keys) {
    const bytes = decodeKey(key, 'key')
    expect([(bytes[0] as number) & 7, (bytes[31] as number) & 0xc0]).toEqual([0, 0x40])
  }
  const presharedKeys = Array.from({ length: 50 }, generatePresharedKey)
  expect(new Set(presharedKeys).size).toBe(50)
  // Not clamped: every bit is random.
  expect(presharedKeys.some((key) => ((decodeKey(key, 'key')[0] as number) & 7) !== 0)).toBe(true)
})

describe('a key that is none', () => {
  const good = PRIVATE.toString('base64')
  test.each([
    ['empty', ''],
    ['31 bytes', Buffer.alloc(31).toString('base64')],
    ['33 bytes', Buffer.alloc(33).toString('base64')],
    ['48 bytes', Buffer.alloc(48).toString('base64')],
    ['without padding', good.slice(0, -1)],
    ['with a space behind it', `${good} `],
    ['with a line end', `${good}\n`],
    ['a character that is not base64', `!${good.slice(1)}`],
    ['base64 for addresses', Buffer.alloc(32, 0xff).toString('base64url').padEnd(44, '=')],
    ['bits behind the last byte', `${Buffer.alloc(32).toString('base64').slice(0, 42)}B=`],
    ['hex', PRIVATE.toString('hex')],
  ])('%s', (_what, text) => {
    const decode = (): Uint8Array => decodeKey(text, 'peer laptop publicKey')
    expect(decode).toThrow(ConfigurationError)
    expect(decode).toThrow(/^peer laptop publicKey: expected a key of 32 bytes in base64 \(44 characters\)$/)
  })
})
