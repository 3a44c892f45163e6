/** Length of keys, hashes and points, bytes. */
export const KEY_LENGTH = 32
/** Length of a Poly1305 tag, bytes. */
export const TAG_LENGTH = 16
/** Room that `AeadKey.seal` needs before the plaintext, bytes: a block of ChaCha20. */
export const SEAL_HEADROOM = 64

/** ChaCha20-Poly1305 (RFC 8439) under one key, in place, with WireGuard's nonce (4 zero bytes, little-endian counter) and no associated data. */
export interface AeadKey {
  /**
   * Encrypts `length` bytes at `offset` and writes the tag behind them, where 16 bytes must be free. The
   * {@link SEAL_HEADROOM} bytes before `offset` must be there and may hold anything afterwards, but nothing secret: write
   * the header after sealing, and seal packets that lie one behind the other from the last to the first.
   */
  seal(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): void
  /**
   * Decrypts `length` bytes at `offset`, tag included; nothing before or behind them changes. False if it does not
   * authenticate; the bytes are then undefined.
   */
  open(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): boolean
  /** Overwrites the key; it must not be used again. */
  wipe(): void
  /** Where its 32 bytes lie, for a {@link NativeCipher} on any thread of this process; undefined where they lie nowhere. */
  readonly address?: number
}

/** An implementation of the AEAD. */
export interface Aead {
  readonly name: string
  aead(key: Uint8Array): AeadKey
  /** What its keys are used with, where they have an address. */
  readonly cipher?: NativeCipher | undefined
}

/** An AEAD whose keys are given by the address of their 32 bytes. Otherwise as {@link AeadKey}. */
export interface NativeCipher {
  /** Makes the same on another thread: `openssl` or `evp`. */
  readonly name: string
  seal(key: number, counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): void
  open(
    key: number,
    counterHigh: number,
    counterLow: number,
    memory: Uint8Array,
    offset: number,
    length: number,
  ): boolean
  /** Overwrites what the cipher itself may still have of a key. */
  forget?(): void
}

/** An implementation of X25519 (RFC 7748). */
export interface Curve {
  readonly name: string
  /** Undefined if the result is all zero, that is, the point is of low order. Never throws. */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined
  publicKey(privateKey: Uint8Array): Uint8Array
}

/** Associated data and plaintext of a {@link OneTimeAead} have at most this many bytes each. */
export const ONE_TIME_LIMIT = 128

/**
 * ChaCha20-Poly1305 (RFC 8439) with associated data under keys that encrypt once, as those of a handshake do (Noise
 * §5.1): the nonce is zero. A key has {@link KEY_LENGTH} bytes.
 */
export interface OneTimeAead {
  readonly name: string
  /** Ciphertext and tag. `nonce` has 12 bytes, where it is not to be zero. */
  sealOnce(key: Uint8Array, associated: Uint8Array, plaintext: Uint8Array, nonce?: Uint8Array): Uint8Array
  /** The plaintext of ciphertext and tag; undefined if they do not authenticate. Never throws. */
  openOnce(key: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}

/** The primitives with an implementation of the machine's own. The hashes are chosen by themselves: see hashes.ts. */
export interface CryptoProvider extends Aead, Curve, OneTimeAead {}
