import { createCipheriv, createDecipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFallback } from '@millrace/core'
import { OPENSSL } from '@millrace/native'
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { describe, expect, test } from 'vitest'
import { aeads, curves } from './crypto.ts'
import { SEAL_HEADROOM } from './provider.ts'

// Vectors from https://github.com/C2SP/wycheproof, testvectors_v1/*.json, are not kept here.
const folder = process.env['MILLRACE_VECTORS']
const needs = folder === undefined ? ' (needs MILLRACE_VECTORS, a folder with testvectors_v1 of C2SP/wycheproof)' : ''

interface Vector {
  readonly tcId: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

interface CurveVector extends Vector {
  readonly public: string
  readonly private: string
  readonly shared: string
}

interface AeadVector extends Vector {
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly msg: string
  readonly ct: string
  readonly tag: string
}

function read<V extends Vector>(name: string): V[] {
  const file: { testGroups: { tests: V[] }[] } = JSON.parse(readFileSync(join(folder ?? '', name), 'utf8'))
  return file.testGroups.flatMap(({ tests }) => tests)
}

const openSsl = makeFallback(OPENSSL)
const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const ZERO_SECRET = '00'.repeat(32)

describe.skipIf(folder === undefined)(`Wycheproof${needs}`, () => {
  test.each([...curves(openSsl)])('X25519, $name', (curve) => {
    const vectors = read<CurveVector>('x25519_test.json')
    expect(vectors.length).toBeGreaterThan(500)
    const wrong = vectors.filter((vector) => {
      const secret = curve.sharedSecret(hex(vector.private), hex(vector.public))
      // RFC 7748 §6.1 lets an implementation refuse the zero secret; WireGuard must.
      return vector.shared === ZERO_SECRET ? secret !== undefined : !secret || !hex(vector.shared).equals(secret)
    })
    expect(wrong.map(({ tcId }) => tcId)).toEqual([])
    expect(vectors.filter(({ shared }) => shared === ZERO_SECRET).length).toBeGreaterThan(10)
  })

  test.each([
    ['ChaCha20-Poly1305, noble', 'chacha20_poly1305_test.json', openWithNoble(chacha20poly1305)],
    ['ChaCha20-Poly1305, node', 'chacha20_poly1305_test.json', openWithNode],
    ['XChaCha20-Poly1305, noble', 'xchacha20_poly1305_test.json', openWithNoble(xchacha20poly1305)],
  ] as const)('%s', (_name, file, open) => {
    const vectors = read<AeadVector>(file)
    expect(vectors.length).toBeGreaterThan(300)
    const wrong = vectors.filter((vector) => (open(vector) ?? 'refused') !== expected(vector))
    expect(wrong.map(({ tcId }) => tcId)).toEqual([])
  })

  // The nonce of an AeadKey begins with four zero bytes and there is no associated data. Where a vector is otherwise, its
  // ciphertext is made anew by OpenSSL, which the test above has put through the originals; and what is forged in a
  // vector is forged in the same way here.
  test.each([...aeads(openSsl)])('keys, messages, counters and forgeries as an AeadKey, $name', (provider) => {
    const vectors = read<AeadVector>('chacha20_poly1305_test.json').filter(({ iv }) => iv.length === 24)
    const wrong = vectors.filter((vector) => {
      const message = hex(vector.msg)
      const nonce = Buffer.concat([Buffer.alloc(4), hex(vector.iv).subarray(4)])
      const [high, low] = [nonce.readUInt32LE(8), nonce.readUInt32LE(4)]
      const sealed = sealedByNode(hex(vector.key), nonce, message)
      const aead = provider.aead(hex(vector.key))
      const bytes = Buffer.concat([Buffer.alloc(SEAL_HEADROOM), message, Buffer.alloc(16)])
      aead.seal(high, low, bytes, SEAL_HEADROOM, message.length)
      if (!bytes.subarray(SEAL_HEADROOM).equals(sealed)) return true

      const original = sealedByNode(hex(vector.key), hex(vector.iv), message, hex(vector.aad))
      const forged = hex(vector.ct + vector.tag).map((byte, i) => byte ^ at(original, i) ^ at(sealed, i))
      const isOpen = aead.open(high, low, forged, 0, forged.length)
      return (isOpen ? Buffer.from(forged.subarray(0, -16)).toString('hex') : 'refused') !== expected(vector)
    })
    expect(wrong.map(({ tcId }) => tcId)).toEqual([])
    expect(vectors.filter(({ result }) => result === 'invalid').length).toBeGreaterThan(20)
  })
})

const at = (buffer: Buffer, i: number): number => buffer[i] as number

function sealedByNode(key: Buffer, nonce: Buffer, message: Buffer, aad: Buffer = Buffer.alloc(0)): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  cipher.setAAD(aad, { plaintextLength: message.length })
  return Buffer.concat([cipher.update(message), cipher.final(), cipher.getAuthTag()])
}

function expected({ result, msg }: AeadVector): string {
  return result === 'valid' ? msg : 'refused'
}

function openWithNoble(cipher: typeof chacha20poly1305): (vector: AeadVector) => string | undefined {
  return ({ key, iv, aad, ct, tag }) => {
    try {
      return Buffer.from(cipher(hex(key), hex(iv), hex(aad)).decrypt(hex(ct + tag))).toString('hex')
    } catch {
      return undefined
    }
  }
}

function openWithNode({ key, iv, aad, msg, ct, tag }: AeadVector): string | undefined {
  // OpenSSL takes nonces of 1 to 12 bytes and pads them; RFC 8439 has only 12, and so have we.
  if (iv.length !== 24) return undefined
  try {
    const decipher = createDecipheriv('chacha20-poly1305', hex(key), hex(iv), { authTagLength: 16 })
    decipher.setAAD(hex(aad), { plaintextLength: msg.length / 2 })
    decipher.setAuthTag(hex(tag))
    return Buffer.concat([decipher.update(hex(ct)), decipher.final()]).toString('hex')
  } catch {
    return undefined
  }
}
