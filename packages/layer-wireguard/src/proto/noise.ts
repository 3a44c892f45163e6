import { deriveKeys, hash } from '../crypto/hashes.ts'
import type { OneTimeAead } from '../crypto/provider.ts'

/** Noise's symmetric state (Noise §5.2): chaining key, transcript hash, and the key of the next encryption. */
export class SymmetricState {
  #chainingKey: Uint8Array
  #hash: Uint8Array
  #key: Uint8Array = new Uint8Array(32)

  constructor(chainingKey: Uint8Array, transcript: Uint8Array) {
    this.#chainingKey = chainingKey.slice()
    this.#hash = transcript.slice()
  }

  /** The state at the beginning of a handshake with `prologue`; the protocol's name is longer than a hash, so it is hashed. */
  static initialize(protocolName: string, prologue: Uint8Array): SymmetricState {
    const chainingKey = hash(Buffer.from(protocolName))
    return new SymmetricState(chainingKey, hash(chainingKey, prologue))
  }

  clone(): SymmetricState {
    const copy = new SymmetricState(this.#chainingKey, this.#hash)
    copy.#key = this.#key.slice()
    return copy
  }

  mixHash(data: Uint8Array): void {
    this.#hash = hash(this.#hash, data)
  }

  mixKey(input: Uint8Array): void {
    const [chainingKey, key] = deriveKeys(2, this.#chainingKey, input)
    this.#replaceKeys(chainingKey as Uint8Array, key as Uint8Array)
  }

  /** For the pre-shared key (Noise §9.2). */
  mixKeyAndHash(input: Uint8Array): void {
    const [chainingKey, extra, key] = deriveKeys(3, this.#chainingKey, input)
    this.mixHash(extra as Uint8Array)
    this.#replaceKeys(chainingKey as Uint8Array, key as Uint8Array)
  }

  /** Every key here encrypts once, so the nonce is always zero. */
  encryptAndHash(aead: OneTimeAead, plaintext: Uint8Array): Uint8Array {
    const ciphertext = aead.sealOnce(this.#key, this.#hash, plaintext)
    this.mixHash(ciphertext)
    return ciphertext
  }

  /** Undefined if it does not authenticate; the state is then of no further use. */
  decryptAndHash(aead: OneTimeAead, ciphertext: Uint8Array): Uint8Array | undefined {
    const plaintext = aead.openOnce(this.#key, this.#hash, ciphertext)
    if (plaintext !== undefined) this.mixHash(ciphertext)
    return plaintext
  }

  /** The transport keys: first what the initiator sends with, then what it receives with. Wipes this state. */
  split(): readonly [Uint8Array, Uint8Array] {
    const [first, second] = deriveKeys(2, this.#chainingKey, new Uint8Array(0))
    this.wipe()
    return [first as Uint8Array, second as Uint8Array]
  }

  wipe(): void {
    this.#chainingKey.fill(0)
    this.#hash.fill(0)
    this.#key.fill(0)
  }

  #replaceKeys(chainingKey: Uint8Array, key: Uint8Array): void {
    this.#chainingKey.fill(0)
    this.#key.fill(0)
    this.#chainingKey = chainingKey
    this.#key = key
  }
}
