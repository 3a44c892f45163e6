import { makeFallback, type Token, token } from '@millrace/core'
import { OPENSSL, type OpenSsl } from '@millrace/native'
import { evpAead } from './evp-aead.ts'
import { nobleCrypto } from './noble.ts'
import { nodeCrypto } from './node.ts'
import { openSslAead } from './openssl-aead.ts'
import { openSslCurve } from './openssl-curve.ts'
import { openSslOneTimeAead } from './openssl-one-time-aead.ts'
import type { Aead, CryptoProvider, Curve, OneTimeAead } from './provider.ts'
import { aeadIsRight, curveIsRight, oneTimeAeadIsRight } from './self-test.ts'

export { type AeadKey, type CryptoProvider, KEY_LENGTH, SEAL_HEADROOM, TAG_LENGTH } from './provider.ts'

type Make<T> = (openSsl: OpenSsl | undefined) => T | undefined

// The fastest first.
const AEADS: readonly Make<Aead>[] = [openSslAead, evpAead, () => nodeCrypto, () => nobleCrypto]
const CURVES: readonly Make<Curve>[] = [openSslCurve, () => nodeCrypto, () => nobleCrypto]
const ONE_TIME_AEADS: readonly Make<OneTimeAead>[] = [openSslOneTimeAead, () => nodeCrypto, () => nobleCrypto]

/** The AEADs that are here, the fastest first, each made when it is asked for. */
export function aeads(openSsl: OpenSsl | undefined): Generator<Aead> {
  return made(AEADS, openSsl)
}

/** The implementations of X25519 that are here, the fastest first. */
export function curves(openSsl: OpenSsl | undefined): Generator<Curve> {
  return made(CURVES, openSsl)
}

/** The AEADs for a handshake that are here, the fastest first. */
export function oneTimeAeads(openSsl: OpenSsl | undefined): Generator<OneTimeAead> {
  return made(ONE_TIME_AEADS, openSsl)
}

/**
 * The fastest AEAD, the fastest X25519 and the fastest AEAD for handshakes that are here and give the right answers, each
 * by itself: OpenSSL's inner functions, its public ones, Node's API, noble. Named after the first two if they differ.
 * Never throws.
 */
export function chooseCrypto(): CryptoProvider {
  return chooseFrom(makeFallback(OPENSSL))
}

/** As {@link chooseCrypto}, with a given OpenSSL. */
export function chooseFrom(openSsl: OpenSsl | undefined): CryptoProvider {
  const cipher = first(aeads(openSsl), aeadIsRight) ?? nobleCrypto
  const curve = first(curves(openSsl), curveIsRight) ?? nobleCrypto
  const oneTime = first(oneTimeAeads(openSsl), oneTimeAeadIsRight) ?? nobleCrypto
  return {
    name: cipher.name === curve.name ? cipher.name : `${cipher.name}, X25519 ${curve.name}`,
    sharedSecret: (privateKey, publicKey) => curve.sharedSecret(privateKey, publicKey),
    publicKey: (privateKey) => curve.publicKey(privateKey),
    aead: (key) => cipher.aead(key),
    sealOnce: (key, associated, plaintext, nonce) => oneTime.sealOnce(key, associated, plaintext, nonce),
    openOnce: (key, associated, sealed) => oneTime.openOnce(key, associated, sealed),
    cipher: cipher.cipher,
  }
}

function* made<T>(makers: readonly Make<T>[], openSsl: OpenSsl | undefined): Generator<T> {
  for (const make of makers) {
    try {
      const one = make(openSsl)
      if (one !== undefined) yield one
    } catch {
      // It is not here, then.
    }
  }
}

function first<T>(candidates: Iterable<T>, isRight: (candidate: T) => boolean): T | undefined {
  for (const candidate of candidates) if (isRight(candidate)) return candidate
  return undefined
}

let chosen: CryptoProvider | undefined

export const CRYPTO: Token<CryptoProvider> = token('Crypto', () => {
  chosen ??= chooseCrypto()
  return chosen
})
