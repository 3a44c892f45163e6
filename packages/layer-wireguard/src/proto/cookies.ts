import { timingSafeEqual } from 'node:crypto'
import type { Random, SocketAddress } from '@millrace/core'
import { hash, keyedMac } from '../crypto/hashes.ts'
import type { OneTimeAead } from '../crypto/provider.ts'
import { sealExtended } from '../crypto/xchacha.ts'
import { COOKIE_SECRET_LIFETIME, LABEL_COOKIE } from './constants.ts'
import { MACS_LENGTH, readUint32, writeCookieReply } from './messages.ts'

/** What cookie replies are made with; looked up each time, for it may change. */
export interface CookieTools {
  readonly random: Random
  readonly crypto: OneTimeAead
}

/**
 * The receiving side of cookies (paper §5.3, §5.4.7): under load a sender must show that it receives at its address
 * before it costs us a Diffie-Hellman. A cookie is bound to address and port under a secret that changes every 120 s.
 */
export class CookieChecker {
  readonly #replyKey: Uint8Array
  readonly #tools: CookieTools
  readonly #secret = new Uint8Array(32)
  #secretAt = Number.NEGATIVE_INFINITY

  constructor(publicKey: Uint8Array, tools: CookieTools) {
    this.#replyKey = hash(Buffer.from(LABEL_COOKIE), publicKey)
    this.#tools = tools
  }

  /** Whether mac2 of a handshake message was made with the cookie of its source. */
  verifyMac2(message: Uint8Array, source: SocketAddress, now: number): boolean {
    if (now - this.#secretAt >= COOKIE_SECRET_LIFETIME) return false
    const end = message.length - MACS_LENGTH + 16
    // Nearly all of a flood has none, and what is zero costs nothing to refuse. It could be right once in 2^128.
    if (isZero(message, end)) return false
    const expected = keyedMac(this.#cookie(source), message.subarray(0, end))
    return timingSafeEqual(expected, message.subarray(end, end + 16))
  }

  /** The cookie reply to a handshake message, 64 bytes. */
  reply(message: Uint8Array, source: SocketAddress, now: number): Uint8Array {
    if (now - this.#secretAt >= COOKIE_SECRET_LIFETIME) {
      this.#tools.random.fill(this.#secret)
      this.#secretAt = now
    }
    const { random, crypto } = this.#tools
    // It is no secret, and words are drawn ahead: `fill` takes as long as the rest of this.
    const words = new Uint32Array(6)
    for (let i = 0; i < 6; i++) words[i] = random.uint32()
    const nonce = new Uint8Array(words.buffer)
    const mac1 = message.subarray(message.length - MACS_LENGTH, message.length - 16)
    const sealed = sealExtended(crypto, this.#replyKey, nonce, mac1, this.#cookie(source))
    return writeCookieReply(readUint32(message, 4), nonce, sealed)
  }

  #cookie(source: SocketAddress): Uint8Array {
    return keyedMac(this.#secret, Buffer.from(source.toString()))
  }
}

function isZero(message: Uint8Array, from: number): boolean {
  for (let i = from; i < message.length; i++) if (message[i] !== 0) return false
  return true
}
