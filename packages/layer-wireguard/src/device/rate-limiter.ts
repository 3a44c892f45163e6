import { parseAddress, type SocketAddress } from '@millrace/core'

/** Handshakes from one source: so many a second, and so many at once (kernel ratelimiter.c, wireguard-go). */
const PER_SECOND = 20
const BURST = 5
const COST = 1000 / PER_SECOND
const MOST = COST * BURST
/** Sources remembered at most. One not heard of for a second has a full bucket, so it can be forgotten. */
const SOURCES = 8192
const FORGET_AFTER = 1000

interface Bucket {
  /** Milliseconds' worth of tokens. */
  tokens: number
  /** Clock.now of the last visit. */
  at: number
}

/**
 * A token bucket for each source: an IPv4 address, or an IPv6 /64, since whoever has one address of it has them all.
 * The table is bounded; when it is full of sources heard of within the second, a new one is refused.
 */
export class RateLimiter {
  /** In the order of the last visit. */
  readonly #buckets = new Map<string, Bucket>()

  get size(): number {
    return this.#buckets.size
  }

  allow(source: SocketAddress, now: number): boolean {
    const key = sourceKey(source)
    const known = this.#buckets.get(key)
    if (known === undefined) {
      this.#forgetOld(now)
      if (this.#buckets.size >= SOURCES) return false
      this.#buckets.set(key, { tokens: MOST - COST, at: now })
      return true
    }
    this.#buckets.delete(key)
    this.#buckets.set(key, known)
    known.tokens = Math.min(MOST, known.tokens + now - known.at)
    known.at = now
    if (known.tokens < COST) return false
    known.tokens -= COST
    return true
  }

  #forgetOld(now: number): void {
    for (const [key, { at }] of this.#buckets) {
      if (now - at < FORGET_AFTER) return
      this.#buckets.delete(key)
    }
  }
}

function sourceKey({ family, address }: SocketAddress): string {
  if (family === 4) return address
  const zone = address.indexOf('%')
  const { bytes } = parseAddress(zone < 0 ? address : address.slice(0, zone))
  return Buffer.from(bytes.buffer, bytes.byteOffset, 8).toString('hex')
}
