import type { CryptoProvider } from './crypto.ts'
import { nobleCrypto } from './noble.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

// RFC 7748 §5.2, the first vector.
const SCALAR = hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4')
const POINT = hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c')
const SHARED = hex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552')

/** Whether a provider is here and right: known answers for X25519, agreement with noble for the AEAD. Never throws. */
export function selfTest(provider: CryptoProvider): boolean {
  try {
    const secret = provider.sharedSecret(SCALAR, POINT)
    if (secret === undefined || !SHARED.equals(secret)) return false
    if (provider.sharedSecret(SCALAR, new Uint8Array(32)) !== undefined) return false
    return [0, 1, 16, 63, 64, 65, 1420].every((length) => sealsAndOpens(provider, length))
  } catch {
    return false
  }
}

function sealsAndOpens(provider: CryptoProvider, length: number): boolean {
  const [high, low] = [0x01020304, 0xfffefdfc]
  const plaintext = Buffer.alloc(length + 16, 0xa5).fill(0, length)
  const expected = Buffer.from(plaintext)
  nobleCrypto.aead(SHARED).seal(high, low, expected, 0, length)
  const key = provider.aead(SHARED)
  const bytes = Buffer.from(plaintext)
  key.seal(high, low, bytes, 0, length)
  if (!bytes.equals(expected) || !key.open(high, low, bytes, 0, length + 16)) return false
  const opened = bytes.subarray(0, length).equals(plaintext.subarray(0, length))
  expected[length] = (expected[length] as number) ^ 1
  return opened && !key.open(high, low, expected, 0, length + 16)
}
