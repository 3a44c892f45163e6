import type { OpenSsl } from '@millrace/native'
import { type Curve, KEY_LENGTH } from './provider.ts'

// What lies where in the scratch memory.
const PRIVATE = 0
const POINT = 32
const RESULT = 64

/** X25519 by OpenSSL's own function, without its key objects: a quarter of what `crypto.diffieHellman` costs. */
export function openSslCurve(openSsl: OpenSsl | undefined): Curve | undefined {
  const calls = openSsl?.x25519
  if (openSsl === undefined || calls === undefined) return undefined
  const scratch = new Uint8Array(96)
  const base = openSsl.addressOf(scratch)

  /** The 32 bytes of the result; nothing of key or result stays behind. */
  const take = (): Uint8Array => {
    const result = scratch.slice(RESULT)
    scratch.fill(0)
    return result
  }

  return {
    name: 'openssl',
    sharedSecret(privateKey, publicKey) {
      if (privateKey.length !== KEY_LENGTH || publicKey.length !== KEY_LENGTH) return undefined
      scratch.set(privateKey, PRIVATE)
      scratch.set(publicKey, POINT)
      const isZero = calls.ossl_x25519(base + RESULT, base + PRIVATE, base + POINT) === 0
      const secret = take()
      return isZero ? undefined : secret
    },
    publicKey(privateKey) {
      if (privateKey.length !== KEY_LENGTH) throw new RangeError('a private key of X25519 has 32 bytes')
      scratch.set(privateKey, PRIVATE)
      calls.ossl_x25519_public_from_private(base + RESULT, base + PRIVATE)
      return take()
    },
  }
}
