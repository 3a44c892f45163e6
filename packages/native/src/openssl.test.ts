import { createRequire } from 'node:module'
import { runtimeWith } from '@millrace/core'
import type * as Koffi from 'koffi'
import { describe, expect, test } from 'vitest'
import { loadOpenSsl, OPENSSL, probeOpenSsl } from './openssl-calls.ts'

const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi

/** The real koffi over a process that lacks a symbol. */
function without(missing: string): typeof Koffi {
  const library = koffi.load(null)
  const func = (name: string, ...rest: [string, string[]]): unknown => {
    if (name === missing) throw new Error(`Cannot find function '${name}' in shared library`)
    return library.func(name, ...rest)
  }
  return { ...koffi, load: () => ({ ...library, func }) as unknown as Koffi.LibraryHandle }
}

test('without koffi there is nothing, and no throw', () => {
  const broken = (): never => {
    throw new Error('no binary for this machine')
  }
  expect(probeOpenSsl(broken)).toBeUndefined()
})

test.each([
  ['ChaCha20_ctr32', 'chacha20Poly1305'],
  ['Poly1305_Final', 'chacha20Poly1305'],
  ['EVP_chacha20_poly1305', 'evp'],
  ['ossl_x25519', 'x25519'],
  ['ossl_x25519_public_from_private', 'x25519'],
] as const)('without %s there is no %s, and the rest stays', (symbol, group) => {
  const [some, all] = [probeOpenSsl(() => without(symbol)), probeOpenSsl(() => koffi)]
  for (const name of ['chacha20Poly1305', 'evp', 'x25519'] as const) {
    expect(some?.[name] !== undefined, name).toBe(name !== group && all?.[name] !== undefined)
  }
})

test('is probed once, and the token stands for it', () => {
  expect(loadOpenSsl()).toBe(loadOpenSsl())
  expect(runtimeWith().get(OPENSSL)).toBe(loadOpenSsl())
})

describe('the OpenSSL of this process', () => {
  const openSsl = loadOpenSsl()

  test.skipIf(openSsl?.chacha20Poly1305 === undefined)(
    'computes ChaCha20 of RFC 8439 §2.3.2 (needs its symbols)',
    () => {
      const { addressOf, chacha20Poly1305: calls } = openSsl as Required<NonNullable<typeof openSsl>>
      const memory = new Uint8Array(32 + 16 + 64)
      const base = addressOf(memory)
      expect(addressOf(memory.subarray(8))).toBe(base + 8)
      for (let i = 0; i < 32; i++) memory[i] = i
      const nonce = Buffer.from('000000090000004a00000000', 'hex')
      memory.set(nonce, 36)
      memory[32] = 1
      calls?.ChaCha20_ctr32(base + 48, base + 48, 64, base, base + 32)
      expect(Buffer.from(memory.subarray(48)).toString('hex')).toBe(
        '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
          'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
      )
    },
  )

  test.skipIf(openSsl?.chacha20Poly1305 === undefined)(
    'computes Poly1305 of RFC 8439 §2.5.2 (needs its symbols)',
    () => {
      const { addressOf, chacha20Poly1305: calls } = openSsl as Required<NonNullable<typeof openSsl>>
      const message = Buffer.from('Cryptographic Forum Research Group')
      const key = Buffer.from('85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b', 'hex')
      const memory = new Uint8Array(128)
      memory.set(key)
      memory.set(message, 32)
      const context = new Uint8Array(calls?.Poly1305_ctx_size() ?? 0)
      const [base, state] = [addressOf(memory), addressOf(context)]
      calls?.Poly1305_Init(state, base)
      calls?.Poly1305_Update(state, base + 32, message.length)
      calls?.Poly1305_Final(state, base + 96)
      expect(Buffer.from(memory.subarray(96, 112)).toString('hex')).toBe('a8061dc1305136c6c22b8baf0c0127a9')
      expect(context.every((byte) => byte === 0)).toBe(true)
    },
  )
})
