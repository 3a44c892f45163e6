import { makeFallback, runtimeWith } from '@millrace/core'
import { OPENSSL, type OpenSsl } from '@millrace/native'
import { describe, expect, test } from 'vitest'
import { aeads, CRYPTO, chooseCrypto, chooseFrom, curves, oneTimeAeads } from './crypto.ts'
import { nodeCrypto } from './node.ts'
import type { Aead, Curve, OneTimeAead } from './provider.ts'
import { aeadIsRight, curveIsRight, oneTimeAeadIsRight } from './self-test.ts'

const openSsl = makeFallback(OPENSSL)
const POINT = nodeCrypto.publicKey(new Uint8Array(32).fill(1))

describe('the self-test', () => {
  test.each([...aeads(openSsl)])('is passed by the AEAD of $name', (aead) => expect(aeadIsRight(aead)).toBe(true))
  test.each([...curves(openSsl)])('is passed by the X25519 of $name', (curve) => expect(curveIsRight(curve)).toBe(true))
  test.each([...oneTimeAeads(openSsl)])('is passed by the AEAD for handshakes of $name', (aead) => {
    expect(oneTimeAeadIsRight(aead)).toBe(true)
  })

  const throws = (): never => {
    throw new Error('no such algorithm')
  }
  const brokenAeads: readonly [string, Aead['aead']][] = [
    ['throws', throws],
    ['seals wrongly', () => nodeCrypto.aead(new Uint8Array(32))],
    ['opens anything', (key) => Object.assign(nodeCrypto.aead(key), { open: () => true })],
    ['opens nothing', (key) => Object.assign(nodeCrypto.aead(key), { open: () => false })],
    ['does not decrypt', (key) => verifiesOnly(nodeCrypto.aead(key))],
  ]
  test.each(brokenAeads)('finds out an AEAD that %s', (_what, aead) => {
    expect(aeadIsRight({ name: 'broken', aead })).toBe(false)
  })

  const brokenOneTimeAeads: readonly [string, Partial<OneTimeAead>][] = [
    ['throws', { sealOnce: throws }],
    ['throws at a forgery', { openOnce: (...of) => nodeCrypto.openOnce(...of) ?? throws() }],
    ['seals wrongly', { sealOnce: (_key, associated, text) => nodeCrypto.sealOnce(POINT, associated, text) }],
    ['leaves out the associated data', { sealOnce: (key, _, text) => nodeCrypto.sealOnce(key, POINT, text) }],
    ['opens anything', { openOnce: (_key, _associated, sealed) => new Uint8Array(sealed.length - 16).fill(0xa5) }],
    ['opens nothing', { openOnce: () => undefined }],
  ]
  test.each(brokenOneTimeAeads)('finds out an AEAD for handshakes that %s', (_what, difference) => {
    expect(oneTimeAeadIsRight({ ...nodeCrypto, ...difference })).toBe(false)
  })

  const brokenCurves: readonly [string, Partial<Curve>][] = [
    ['throws', { sharedSecret: throws }],
    ['gets the secret wrong', { sharedSecret: () => new Uint8Array(32).fill(1) }],
    ['gets the public key wrong', { publicKey: (key) => key }],
    ['takes a point of low order', { sharedSecret: (k, p) => nodeCrypto.sharedSecret(k, p) ?? new Uint8Array(32) }],
  ]
  test.each(brokenCurves)('finds out an X25519 that %s', (_what, difference) => {
    expect(curveIsRight({ ...nodeCrypto, ...difference })).toBe(false)
  })
})

describe('the choice of a provider', () => {
  test('without koffi is Node’s public API', () => expect(chooseFrom(undefined).name).toBe('node'))

  const isWhole = openSsl?.chacha20Poly1305 && openSsl.evp && openSsl.x25519
  describe.skipIf(!isWhole)('with OpenSSL (needs koffi and a Node.js that exports all its symbols)', () => {
    const { chacha20Poly1305, evp, x25519, addressOf, memoryAt } = openSsl as Whole

    test('is OpenSSL’s inner functions', () => {
      expect(runtimeWith().get(CRYPTO).name).toBe('openssl')
      expect(chooseCrypto().name).toBe('openssl')
    })

    const poor: readonly [string, Partial<OpenSsl>, string][] = [
      ['ChaCha20 and Poly1305', { chacha20Poly1305: undefined }, 'evp, X25519 openssl'],
      ['any AEAD', { chacha20Poly1305: undefined, evp: undefined }, 'node, X25519 openssl'],
      ['X25519', { x25519: undefined }, 'openssl, X25519 node'],
      [
        'a Poly1305 that works',
        { chacha20Poly1305: { ...chacha20Poly1305, Poly1305_Update: () => {} } },
        'evp, X25519 openssl',
      ],
      [
        'a ChaCha20 that works',
        { chacha20Poly1305: { ...chacha20Poly1305, ChaCha20_ctr32: () => {} } },
        'evp, X25519 openssl',
      ],
      [
        'memory for a context',
        { chacha20Poly1305: undefined, evp: { ...evp, EVP_CIPHER_CTX_new: () => 0 } },
        'node, X25519 openssl',
      ],
      [
        'an EVP that takes keys',
        { chacha20Poly1305: undefined, evp: { ...evp, EVP_CipherInit_ex: () => 0 } },
        'node, X25519 openssl',
      ],
      ['an X25519 that works', { x25519: { ...x25519, ossl_x25519: () => 1 } }, 'openssl, X25519 node'],
      [
        'an address to be had',
        {
          addressOf: () => {
            throw new Error('not here')
          },
        },
        'node',
      ],
    ]
    test.each(poor)('but without %s falls back', (_what, difference, name) => {
      const choice = chooseFrom({ chacha20Poly1305, evp, x25519, addressOf, memoryAt, ...difference })
      expect(choice.name).toBe(name)
      expect([aeadIsRight(choice), curveIsRight(choice), oneTimeAeadIsRight(choice)]).toEqual([true, true, true])
    })
  })
})

type Whole = { [Name in keyof OpenSsl]-?: NonNullable<OpenSsl[Name]> }

function verifiesOnly(key: ReturnType<Aead['aead']>): ReturnType<Aead['aead']> {
  const open = key.open.bind(key)
  return Object.assign(key, {
    open: (...[high, low, memory, offset, length]: Parameters<typeof open>) =>
      open(high, low, Uint8Array.from(memory), offset, length),
  })
}
