import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto'
import { writeNonce } from './nonce.ts'
import { type AeadKey, type CryptoProvider, KEY_LENGTH, TAG_LENGTH } from './provider.ts'

// X25519 keys in their DER wrappings (RFC 8410 §4, §7): all of it but the 32 bytes is constant.
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')
const CIPHER = 'chacha20-poly1305'
const TAG = { authTagLength: TAG_LENGTH }
const ZERO_NONCE = new Uint8Array(12)

/** Node's own OpenSSL, through the public API. */
export const nodeCrypto: CryptoProvider = {
  name: 'node',
  sharedSecret(privateKey, publicKey) {
    if (publicKey.length !== KEY_LENGTH) return undefined
    try {
      const der = Buffer.concat([SPKI, publicKey])
      const publicObject = createPublicKey({ key: der, format: 'der', type: 'spki' })
      return diffieHellman({ privateKey: privateObject(privateKey), publicKey: publicObject })
    } catch {
      // OpenSSL fails the derivation when the result is all zero (RFC 7748 §6.1).
      return undefined
    }
  },
  publicKey(privateKey) {
    const der = createPublicKey(privateObject(privateKey)).export({ format: 'der', type: 'spki' })
    return Uint8Array.from(der.subarray(SPKI.length))
  },
  aead: (key) => new NodeKey(key),
  sealOnce(key, associated, plaintext, nonce = ZERO_NONCE) {
    const cipher = createCipheriv(CIPHER, key, nonce, TAG)
    cipher.setAAD(associated, { plaintextLength: plaintext.length })
    const sealed = new Uint8Array(plaintext.length + TAG_LENGTH)
    sealed.set(cipher.update(plaintext))
    cipher.final()
    sealed.set(cipher.getAuthTag(), plaintext.length)
    return sealed
  },
  openOnce(key, associated, sealed) {
    const length = sealed.length - TAG_LENGTH
    if (length < 0) return undefined
    try {
      const decipher = createDecipheriv(CIPHER, key, ZERO_NONCE, TAG)
      decipher.setAAD(associated, { plaintextLength: length })
      decipher.setAuthTag(sealed.subarray(length))
      const plaintext = decipher.update(sealed.subarray(0, length))
      decipher.final()
      return Uint8Array.from(plaintext)
    } catch {
      return undefined
    }
  },
}

function privateObject(privateKey: Uint8Array): KeyObject {
  // OpenSSL reads what it needs of a key that is too long.
  if (privateKey.length !== KEY_LENGTH) throw new RangeError('a private key of X25519 has 32 bytes')
  const der = Buffer.concat([PKCS8, privateKey])
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } finally {
    der.fill(0)
  }
}

class NodeKey implements AeadKey {
  readonly #key: Uint8Array
  readonly #nonce = new Uint8Array(12)

  constructor(key: Uint8Array) {
    this.#key = key.slice()
  }

  seal(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): void {
    writeNonce(this.#nonce, counterHigh, counterLow)
    const cipher = createCipheriv(CIPHER, this.#key, this.#nonce, TAG)
    memory.set(cipher.update(memory.subarray(offset, offset + length)), offset)
    cipher.final()
    memory.set(cipher.getAuthTag(), offset + length)
  }

  open(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): boolean {
    const end = offset + length - 16
    if (end < offset) return false
    writeNonce(this.#nonce, counterHigh, counterLow)
    const decipher = createDecipheriv(CIPHER, this.#key, this.#nonce, TAG)
    decipher.setAuthTag(memory.subarray(end, end + 16))
    const plaintext = decipher.update(memory.subarray(offset, end))
    try {
      decipher.final()
    } catch {
      return false
    }
    memory.set(plaintext, offset)
    return true
  }

  wipe(): void {
    this.#key.fill(0)
  }
}
