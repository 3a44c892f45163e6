import { createRequire } from 'node:module'
import { type Token, token } from '@millrace/core'
import type * as Koffi from 'koffi'
import type { ChaCha20Poly1305Calls, EvpCalls, OpenSsl, X25519Calls } from './openssl.ts'

type Signatures<Calls> = { readonly [Name in keyof Calls]: readonly [result: string, ...parameters: string[]] }

// Pointers are declared as size_t, so that they pass as plain numbers.
const POINTER = 'size_t'
const SIZE = 'size_t'

const CHACHA20_POLY1305: Signatures<ChaCha20Poly1305Calls> = {
  ChaCha20_ctr32: ['void', POINTER, POINTER, SIZE, POINTER, POINTER],
  Poly1305_ctx_size: [SIZE],
  Poly1305_Init: ['void', POINTER, POINTER],
  Poly1305_Update: ['void', POINTER, POINTER, SIZE],
  Poly1305_Final: ['void', POINTER, POINTER],
}

const EVP: Signatures<EvpCalls> = {
  EVP_CIPHER_CTX_new: [POINTER],
  EVP_CIPHER_CTX_free: ['void', POINTER],
  EVP_chacha20_poly1305: [POINTER],
  EVP_CipherInit_ex: ['int', POINTER, POINTER, POINTER, POINTER, POINTER, 'int'],
  EVP_CipherUpdate: ['int', POINTER, POINTER, POINTER, POINTER, 'int'],
  EVP_CipherFinal_ex: ['int', POINTER, POINTER, POINTER],
  EVP_CIPHER_CTX_ctrl: ['int', POINTER, 'int', 'int', POINTER],
}

const X25519: Signatures<X25519Calls> = {
  ossl_x25519: ['int', POINTER, POINTER, POINTER],
  ossl_x25519_public_from_private: ['void', POINTER, POINTER],
}

let openSsl: OpenSsl | undefined
let isProbed = false

/** The OpenSSL of this process, probed once; undefined where koffi does not load. Never throws. */
export function loadOpenSsl(): OpenSsl | undefined {
  if (!isProbed) openSsl = probeOpenSsl(() => createRequire(import.meta.url)('koffi') as typeof Koffi)
  isProbed = true
  return openSsl
}

/** OpenSSL's functions, or undefined where they cannot be called. Bind it to put others in their place. */
export const OPENSSL: Token<OpenSsl | undefined> = token('OpenSsl', loadOpenSsl)

/** As {@link loadOpenSsl}, with a given koffi. */
export function probeOpenSsl(load: () => typeof Koffi): OpenSsl | undefined {
  try {
    const koffi = load()
    const library = koffi.load(null)
    return {
      addressOf(buffer) {
        // As in koffi-calls.ts: takes a small array off V8's moving heap.
        void buffer.buffer
        return Number(koffi.address(buffer))
      },
      memoryAt: (address, size) => new Uint8Array(koffi.view(address, size)),
      chacha20Poly1305: bindAll(library, CHACHA20_POLY1305),
      evp: bindAll(library, EVP),
      x25519: bindAll(library, X25519),
    }
  } catch {
    return undefined
  }
}

/** All functions of a group, or undefined if one is missing. */
function bindAll<Calls>(library: Koffi.LibraryHandle, signatures: Signatures<Calls>): Calls | undefined {
  try {
    const calls = Object.entries<readonly string[]>(signatures).map(([name, [result, ...parameters]]) => [
      name,
      library.func(name, result as string, parameters),
    ])
    return Object.fromEntries(calls) as Calls
  } catch {
    return undefined
  }
}
