import { AEAD, ONE_TIME_AEAD, X25519 } from './known-answers.ts'
import { type Aead, type Curve, type OneTimeAead, SEAL_HEADROOM, TAG_LENGTH } from './provider.ts'

/** Whether an X25519 gives the known answers. Never throws. */
export function curveIsRight(curve: Curve): boolean {
  try {
    const secret = curve.sharedSecret(X25519.scalar, X25519.point)
    if (secret === undefined || !X25519.shared.equals(secret)) return false
    if (curve.sharedSecret(X25519.scalar, new Uint8Array(32)) !== undefined) return false
    return X25519.publicKey.equals(curve.publicKey(X25519.privateKey))
  } catch {
    return false
  }
}

/** Whether an AEAD gives the known answers, and takes no forgery. Never throws. */
export function aeadIsRight(aead: Aead): boolean {
  try {
    return [...AEAD.tags].every(([length, tag]) => sealsAndOpens(aead, length, tag))
  } catch {
    return false
  }
}

/** Whether an AEAD for handshakes gives the known answers, and takes no forgery. Never throws. */
export function oneTimeAeadIsRight(aead: OneTimeAead): boolean {
  try {
    return [...ONE_TIME_AEAD.tags].every(([length, tag]) => sealsAndOpensOnce(aead, length, tag))
  } catch {
    return false
  }
}

function sealsAndOpensOnce(aead: OneTimeAead, length: number, tag: Buffer): boolean {
  const { key, associated } = ONE_TIME_AEAD
  const plaintext = Buffer.alloc(length, 0xa5)
  const sealed = Buffer.from(aead.sealOnce(key, associated, plaintext))
  if (sealed.length !== length + TAG_LENGTH || !sealed.subarray(length).equals(tag)) return false
  const opened = aead.openOnce(key, associated, sealed)
  if (opened === undefined || !plaintext.equals(opened)) return false
  if (aead.openOnce(key, X25519.privateKey, sealed) !== undefined) return false
  sealed[length] = (sealed[length] as number) ^ 1
  return aead.openOnce(key, associated, sealed) === undefined
}

function sealsAndOpens(aead: Aead, length: number, tag: Buffer): boolean {
  const { counterHigh, counterLow } = AEAD
  const sealed = length + TAG_LENGTH
  const memory = Buffer.alloc(SEAL_HEADROOM + sealed, 0xa5)
  const key = aead.aead(AEAD.key)
  key.seal(counterHigh, counterLow, memory, SEAL_HEADROOM, length)
  const expected = Buffer.from(memory)
  if (!memory.subarray(SEAL_HEADROOM + length).equals(tag)) return false
  if (!key.open(counterHigh, counterLow, memory, SEAL_HEADROOM, sealed)) return false
  const opened = memory.subarray(SEAL_HEADROOM, SEAL_HEADROOM + length)
  if (!opened.equals(Buffer.alloc(length, 0xa5))) return false
  expected[SEAL_HEADROOM + length] = (expected[SEAL_HEADROOM + length] as number) ^ 1
  return !key.open(counterHigh, counterLow, expected, SEAL_HEADROOM, sealed)
}
