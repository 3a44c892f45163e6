import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { describe, expect, test } from 'vitest'
import { TRANSCRIPT } from '../../../../test/support/wireguard-go-transcript.ts'
import { MacStamper, MacVerifier } from './macs.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'hex')
const initiation = bytes(TRANSCRIPT.initiation)
const next = bytes(TRANSCRIPT.initiationWithCookie)
const cookieReply = bytes(TRANSCRIPT.cookieReply)
const responderPublic = bytes(TRANSCRIPT.responderPublic)

/** The message with its MACs taken off and stamped anew. */
function stamped(stamper: MacStamper, message: Buffer, now: number): string {
  const copy = Buffer.from(message).fill(0xaa, message.length - 32)
  stamper.stamp(copy, now)
  return copy.toString('hex')
}

const withoutMac2 = (message: Buffer): string =>
  Buffer.from(message)
    .fill(0, message.length - 16)
    .toString('hex')

describe('mac1', () => {
  const verifier = new MacVerifier(responderPublic)

  test('is that of wireguard-go', () => {
    expect(verifier.verifyMac1(initiation)).toBe(true)
    expect(new MacVerifier(bytes(TRANSCRIPT.initiatorPublic)).verifyMac1(bytes(TRANSCRIPT.response))).toBe(true)
    expect(stamped(new MacStamper(responderPublic), initiation, 0)).toBe(TRANSCRIPT.initiation)
  })

  test('covers every bit before it, and itself; not mac2', () => {
    for (let bit = 0; bit < initiation.length * 8; bit++) {
      const copy = Buffer.from(initiation)
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(verifier.verifyMac1(copy)).toBe(bit >= (148 - 16) * 8)
    }
  })

  test('for another key is wrong', () => {
    expect(new MacVerifier(bytes(TRANSCRIPT.initiatorPublic)).verifyMac1(initiation)).toBe(false)
  })
})

describe('cookie', () => {
  function withCookie(now: number): MacStamper {
    const stamper = new MacStamper(responderPublic)
    stamper.stamp(Buffer.from(initiation), 0)
    expect(stamper.takeCookie(cookieReply, now)).toBe(true)
    return stamper
  }

  test("is taken from wireguard-go's reply, and the next message has the mac2 that wireguard-go expects", () => {
    expect(stamped(withCookie(0), next, 1000)).toBe(TRANSCRIPT.initiationWithCookie)
  })

  test('is used for 115 seconds', () => {
    const stamper = withCookie(5000)
    expect(stamped(stamper, next, 5000 + 114_999)).toBe(TRANSCRIPT.initiationWithCookie)
    expect(stamped(stamper, next, 5000 + 115_000)).toBe(withoutMac2(next))
  })

  test('is taken once for each message sent', () => {
    const stamper = withCookie(0)
    expect(stamper.takeCookie(cookieReply, 0)).toBe(false)
    stamper.stamp(Buffer.from(initiation), 0)
    expect(stamper.takeCookie(cookieReply, 0)).toBe(true)
  })

  test('is not taken before a message was sent, for another message, from another, or altered', () => {
    const unsent = new MacStamper(responderPublic)
    expect(unsent.takeCookie(cookieReply, 0)).toBe(false)
    const other = new MacStamper(responderPublic)
    other.stamp(Buffer.from(next), 0)
    expect(other.takeCookie(cookieReply, 0)).toBe(false)
    const stranger = new MacStamper(bytes(TRANSCRIPT.initiatorPublic))
    stranger.stamp(Buffer.from(initiation), 0)
    expect(stranger.takeCookie(cookieReply, 0)).toBe(false)
    const stamper = new MacStamper(responderPublic)
    stamper.stamp(Buffer.from(initiation), 0)
    for (const at of [8, 31, 32, 63]) {
      const altered = Buffer.from(cookieReply)
      altered[at] = (altered[at] as number) ^ 1
      expect(stamper.takeCookie(altered, 0)).toBe(false)
    }
    expect(stamped(stamper, next, 0)).toBe(withoutMac2(next))
    stamper.stamp(Buffer.from(initiation), 0)
    expect(stamper.takeCookie(cookieReply, 0)).toBe(true)
  })

  test('is sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03 §A.3.1)', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i)
    const nonce = Uint8Array.from({ length: 24 }, (_, i) => 0x40 + i)
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    const sealed = xchacha20poly1305(key, nonce, bytes('50515253c0c1c2c3c4c5c6c7')).encrypt(Buffer.from(text))
    expect(Buffer.from(sealed).toString('hex')).toBe(
      'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216' +
        'cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e' +
        'c0875924c1c7987947deafd8780acf49',
    )
  })
})
