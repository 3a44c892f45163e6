import { hash, keyedMac } from '../crypto/hashes.ts'
import { nobleCiphers } from '../crypto/noble-ciphers.ts'
import { COOKIE_LIFETIME, LABEL_COOKIE, LABEL_MAC1 } from './constants.ts'
import { cookieReply, MACS_LENGTH } from './messages.ts'
import { isMacAt } from './same-mac.ts'

const NO_MAC = new Uint8Array(16)

/** The receiving side of the MACs: mac1 shows that the sender knows our public key (paper §5.4.4). */
export class MacVerifier {
  readonly #mac1Key: Uint8Array

  constructor(publicKey: Uint8Array) {
    this.#mac1Key = hash(Buffer.from(LABEL_MAC1), publicKey)
  }

  verifyMac1(message: Uint8Array): boolean {
    const end = message.length - MACS_LENGTH
    const expected = keyedMac(this.#mac1Key, message.subarray(0, end))
    return isMacAt(message, end, expected)
  }
}

/** The sending side: stamps our handshake messages to one peer and keeps the cookie that it may have sent us. */
export class MacStamper {
  readonly #mac1Key: Uint8Array
  readonly #cookieKey: Uint8Array
  #cookie: Uint8Array | undefined
  #cookieTime = 0
  /** The mac1 of our last message, until a cookie has been taken for it. */
  #lastMac1: Uint8Array | undefined

  constructor(remotePublicKey: Uint8Array) {
    this.#mac1Key = hash(Buffer.from(LABEL_MAC1), remotePublicKey)
    this.#cookieKey = hash(Buffer.from(LABEL_COOKIE), remotePublicKey)
  }

  /** Writes mac1 and mac2 into the last 32 bytes of a handshake message. mac2 is zero without a fresh cookie. */
  stamp(message: Uint8Array, now: number): void {
    const end = message.length - MACS_LENGTH
    const mac1 = keyedMac(this.#mac1Key, message.subarray(0, end))
    message.set(mac1, end)
    this.#lastMac1 = mac1
    const fresh = this.#cookie !== undefined && now - this.#cookieTime < COOKIE_LIFETIME
    message.set(fresh ? keyedMac(this.#cookie as Uint8Array, message.subarray(0, end + 16)) : NO_MAC, end + 16)
  }

  /** Takes the cookie out of a cookie reply, if it answers the last message we sent, and no other did before it. */
  takeCookie(message: Uint8Array, now: number): boolean {
    const mac1 = this.#lastMac1
    if (mac1 === undefined) return false
    try {
      const cipher = nobleCiphers().xchacha20poly1305(this.#cookieKey, cookieReply.nonce(message), mac1)
      this.#cookie = cipher.decrypt(cookieReply.encryptedCookie(message))
    } catch {
      return false
    }
    this.#cookieTime = now
    this.#lastMac1 = undefined
    return true
  }
}
