/**
 * Functions of the OpenSSL that is part of this process, under its own names. Pointers and sizes are numbers, as
 * `addressOf(buffer)` plus an offset gives them: whoever calls answers for the bounds. A group is undefined when one of
 * its functions is missing: only {@link EvpCalls} is a public API, and a Node.js that links OpenSSL from the system hides
 * the rest.
 */
export interface OpenSsl {
  /** Where the bytes of `buffer` lie. Good for as long as the caller keeps `buffer`; ask once, not per packet. */
  addressOf(buffer: Uint8Array): number
  /**
   * The `size` bytes at an address that another thread of this process got from `addressOf`. Good for as long as that thread
   * keeps its buffer; both see what either writes, and must agree on whose turn it is (`Atomics`).
   */
  memoryAt(address: number, size: number): Uint8Array
  readonly chacha20Poly1305: ChaCha20Poly1305Calls | undefined
  readonly evp: EvpCalls | undefined
  readonly x25519: X25519Calls | undefined
}

/** The two primitives that RFC 8439 puts together (OpenSSL's include/crypto/chacha.h and poly1305.h). */
export interface ChaCha20Poly1305Calls {
  /** XORs `length` bytes, in place if `output` is `input`. `key` is 32 bytes; `counter` is four u32 in host order: block, nonce. */
  ChaCha20_ctr32(output: number, input: number, length: number, key: number, counter: number): void
  /** Bytes of a Poly1305 context. */
  Poly1305_ctx_size(): number
  /** `key` is the 32 bytes of a one-time key. */
  Poly1305_Init(context: number, key: number): void
  Poly1305_Update(context: number, input: number, length: number): void
  /** Writes 16 bytes and wipes the context. */
  Poly1305_Final(context: number, tag: number): void
}

/** Ciphers by the public API (EVP_EncryptInit(3)). A result of 0 or less is a failure. */
export interface EvpCalls {
  /** 0 when there is no memory. */
  EVP_CIPHER_CTX_new(): number
  EVP_CIPHER_CTX_free(context: number): void
  EVP_chacha20_poly1305(): number
  /** `cipher`, `engine`, `key` and `iv` may be 0: as before. `encrypt` is 1 or 0. */
  EVP_CipherInit_ex(context: number, cipher: number, engine: number, key: number, iv: number, encrypt: number): number
  /** `outputLength` is where an i32 for the number of bytes written lies. */
  EVP_CipherUpdate(context: number, output: number, outputLength: number, input: number, length: number): number
  EVP_CipherFinal_ex(context: number, output: number, outputLength: number): number
  EVP_CIPHER_CTX_ctrl(context: number, type: number, argument: number, pointer: number): number
}

/** RFC 7748 over 32-byte strings (OpenSSL's include/crypto/ecx.h). */
export interface X25519Calls {
  /** 0 when the result is all zero. */
  ossl_x25519(shared: number, privateKey: number, publicKey: number): number
  ossl_x25519_public_from_private(publicKey: number, privateKey: number): void
}
