import { nobleCrypto } from './noble.ts'
import { type Aead, type Curve, type OneTimeAead, SEAL_HEADROOM } from './provider.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

// RFC 7748 §5.2, the first vector, and §6.1, Bob's keys.
const SCALAR = hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4')
const POINT = hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c')
const SHARED = hex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552')
const PRIVATE = hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')
const PUBLIC = hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')

/** Lengths around the blocks of both primitives, and long enough for the widest assembly there is. */
const LENGTHS = [0, 1, 16, 63, 64, 65, 511, 1420, 1424]
/** What a handshake seals: nothing, a time stamp, a key; and what takes two blocks. */
const ONE_TIME_LENGTHS = [0, 12, 32, 100]

/** Whether an X25519 gives the known answers. Never throws. */
export function curveIsRight(curve: Curve): boolean {
  try {
    const secret = curve.sharedSecret(SCALAR, POINT)
    if (secret === undefined || !SHARED.equals(secret)) return false
    if (curve.sharedSecret(SCALAR, new Uint8Array(32)) !== undefined) return false
    return PUBLIC.equals(curve.publicKey(PRIVATE))
  } catch {
    return false
  }
}

/** Whether an AEAD agrees with noble's, and takes no forgery. Never throws. */
export function aeadIsRight(aead: Aead): boolean {
  try {
    return LENGTHS.every((length) => sealsAndOpens(aead, length))
  } catch {
    return false
  }
}

/** Whether an AEAD for handshakes agrees with noble's, and takes no forgery. Never throws. */
export function oneTimeAeadIsRight(aead: OneTimeAead): boolean {
  try {
    return ONE_TIME_LENGTHS.every((length) => sealsAndOpensOnce(aead, length))
  } catch {
    return false
  }
}

function sealsAndOpensOnce(aead: OneTimeAead, length: number): boolean {
  const plaintext = Buffer.alloc(length, 0xa5)
  const sealed = Buffer.from(nobleCrypto.sealOnce(SHARED, PUBLIC, plaintext))
  if (!sealed.equals(aead.sealOnce(SHARED, PUBLIC, plaintext))) return false
  const opened = aead.openOnce(SHARED, PUBLIC, sealed)
  if (opened === undefined || !plaintext.equals(opened)) return false
  if (aead.openOnce(SHARED, PRIVATE, sealed) !== undefined) return false
  sealed[length] = (sealed[length] as number) ^ 1
  return aead.openOnce(SHARED, PUBLIC, sealed) === undefined
}

function sealsAndOpens(aead: Aead, length: number): boolean {
  const [high, low] = [0x01020304, 0xfffefdfc]
  const end = SEAL_HEADROOM + length + 16
  const plaintext = Buffer.alloc(end, 0xa5)
  const expected = Buffer.from(plaintext)
  nobleCrypto.aead(SHARED).seal(high, low, expected, SEAL_HEADROOM, length)
  const key = aead.aead(SHARED)
  const bytes = Buffer.from(plaintext)
  key.seal(high, low, bytes, SEAL_HEADROOM, length)
  const isSealed = bytes.subarray(SEAL_HEADROOM).equals(expected.subarray(SEAL_HEADROOM))
  if (!isSealed || !key.open(high, low, bytes, SEAL_HEADROOM, length + 16)) return false
  const isOpen = bytes.subarray(SEAL_HEADROOM, end - 16).equals(plaintext.subarray(SEAL_HEADROOM, end - 16))
  expected[end - 16] = (expected[end - 16] as number) ^ 1
  return isOpen && !key.open(high, low, expected, SEAL_HEADROOM, length + 16)
}
