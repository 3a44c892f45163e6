import * as blake2s from './blake2s.ts'
import * as hkdf from './hkdf.ts'
import { HASHES } from './known-answers.ts'
import { nobleHashes } from './noble-hashes.ts'

/** BLAKE2s (RFC 7693), and what the handshake makes of it. */
export interface Hashes {
  readonly name: string
  /** BLAKE2s-256 of the parts one after another. */
  hash(...parts: readonly Uint8Array[]): Uint8Array
  /** Keyed BLAKE2s with a 16-byte result: the MACs and the cookie (paper §5.4.4). */
  keyedMac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** HKDF with HMAC-BLAKE2s (paper §5.4, Noise §4.3): the first `count` outputs of 32 bytes. */
  deriveKeys(count: 1 | 2 | 3, chainingKey: Uint8Array, input: Uint8Array): Uint8Array[]
}

export const ownHashes: Hashes = {
  name: 'own',
  hash: blake2s.hash,
  keyedMac: blake2s.keyedMac,
  deriveKeys: hkdf.deriveKeys,
}

/** Whether they give the known answers here. Never throws. */
export function hashesAreRight({ hash, keyedMac, deriveKeys }: Hashes): boolean {
  try {
    const { key, input } = HASHES
    if (!HASHES.abc.equals(hash(Buffer.from('abc')))) return false
    if (!HASHES.hash.equals(hash(key, input)) || !HASHES.keyedMac.equals(keyedMac(key, input))) return false
    return Buffer.concat(HASHES.derivedKeys).equals(Buffer.concat(deriveKeys(3, key, input)))
  } catch {
    return false
  }
}

/** The first that is right. */
export function chooseHashes(...candidates: readonly Hashes[]): Hashes {
  return candidates.find(hashesAreRight) ?? nobleHashes
}

const chosen: Hashes = chooseHashes(ownHashes)
export const hash: Hashes['hash'] = chosen.hash
export const keyedMac: Hashes['keyedMac'] = chosen.keyedMac
export const deriveKeys: Hashes['deriveKeys'] = chosen.deriveKeys
