import { timingSafeEqual } from 'node:crypto'
import type { Random, SocketAddress } from '@millrace/core'
import { hash, keyedMac } from '../crypto/hashes.ts'
import { nobleCiphers } from '../crypto/noble-ciphers.ts'
import { COOKIE_SECRET_LIFETIME, LABEL_COOKIE } from './constants.ts'
import { MACS_LENGTH, readUint32, writeCookieReply } from './messages.ts'

/**
 * The receiving side of cookies (paper §5.3, §5.4.7): under load a sender must show that it receives at its address
 * before it costs us a Diffie-Hellman. A cookie is bound to address and port under a secret that changes every 120 s.
 */
export class CookieChecker {
  readonly #replyKey: Uint8Array
  readonly #random: () => Random
  readonly #secret = new Uint8Array(32)
  #secretAt = Number.NEGATIVE_INFINITY

  constructor(publicKey: Uint8Array, random: () => Random) {
    this.#replyKey = hash(Buffer.from(LABEL_COOKIE), publicKey)
    this.#random = random
  }

  /** Whether mac2 of a handshake message was made with the cookie of its source. */
  verifyMac2(message: Uint8Array, source: SocketAddress, now: number): boolean {
    if (now - this.#secretAt >= COOKIE_SECRET_LIFETIME) return false
    const end = message.length - MACS_LENGTH + 16
    const expected = keyedMac(this.#cookie(source), message.subarray(0, end))
    return timingSafeEqual(expected, message.subarray(end, end + 16))
  }

  /** The cookie reply to a handshake message, 64 bytes. */
  reply(message: Uint8Array, source: SocketAddress, now: number): Uint8Array {
    if (now - this.#secretAt >= COOKIE_SECRET_LIFETIME) {
      this.#random().fill(this.#secret)
      this.#secretAt = now
    }
    const nonce = new Uint8Array(24)
    this.#random().fill(nonce)
    const mac1 = message.subarray(message.length - MACS_LENGTH, message.length - 16)
    const sealed = nobleCiphers().xchacha20poly1305(this.#replyKey, nonce, mac1).encrypt(this.#cookie(source))
    return writeCookieReply(readUint32(message, 4), nonce, sealed)
  }

  #cookie(source: SocketAddress): Uint8Array {
    return keyedMac(this.#secret, Buffer.from(source.toString()))
  }
}
