import type { Random, SocketAddress } from '@millrace/core'
import { hash, keyedMac } from '../crypto/hashes.ts'
import type { OneTimeAead } from '../crypto/provider.ts'
import { sealExtended } from '../crypto/xchacha.ts'
import { COOKIE_SECRET_LIFETIME, LABEL_COOKIE } from './constants.ts'
import { MACS_LENGTH, readUint32, writeCookieReply } from './messages.ts'
import { isMacAt } from './same-mac.ts'

/** A flood costs one of each a message; in memory that is used again it costs no garbage. */
const nonceWords = new Uint32Array(6)
const nonce = new Uint8Array(nonceWords.buffer)
const sourceBytes = new Uint8Array(128)

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
    return isMacAt(message, end, expected)
  }

  /** The cookie reply to a handshake message, 64 bytes. */
  reply(message: Uint8Array, source: SocketAddress, now: number): Uint8Array {
    if (now - this.#secretAt >= COOKIE_SECRET_LIFETIME) {
      this.#tools.random.fill(this.#secret)
      this.#secretAt = now
    }
    const { random, crypto } = this.#tools
    // It is no secret, and words are drawn ahead: `fill` takes as long as the rest of this.
    for (let i = 0; i < nonceWords.length; i++) nonceWords[i] = random.uint32()
    const mac1 = message.subarray(message.length - MACS_LENGTH, message.length - 16)
    const sealed = sealExtended(crypto, this.#replyKey, nonce, mac1, this.#cookie(source))
    return writeCookieReply(readUint32(message, 4), nonce, sealed)
  }

  #cookie(source: SocketAddress): Uint8Array {
    return keyedMac(this.#secret, bytesOf(source))
  }
}

/** Address and port (paper §5.4.7), in no other form than ours: whoever gets a cookie cannot see into it. */
function bytesOf({ address, port }: SocketAddress): Uint8Array {
  // A zone is the name of an interface, 15 characters at most; what is longer than this is no address.
  const length = Math.min(address.length, sourceBytes.length - 2)
  for (let i = 0; i < length; i++) sourceBytes[2 + i] = address.charCodeAt(i)
  sourceBytes[0] = port >> 8
  sourceBytes[1] = port & 0xff
  return sourceBytes.subarray(0, 2 + length)
}

function isZero(message: Uint8Array, from: number): boolean {
  for (let i = from; i < message.length; i++) if (message[i] !== 0) return false
  return true
}
