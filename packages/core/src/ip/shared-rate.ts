import type { IpPacket, Peer } from '../packet/packet.ts'
import { TokenBucket } from './token-bucket.ts'

/** Bounds of a {@link SharedRate}, each a second; a quarter of it at once, at least one. */
export interface SharedRateOptions {
  /** In all. Default 1,000. */
  readonly perSecond?: number | undefined
  /** To one sender. Default 100, or `perSecond` if that is less. */
  readonly perSecondPerPeer?: number | undefined
}

/** Shares of addresses that no peer stands for. Two that fall on one have it together. */
const CELLS = 1024

/**
 * The rate of answers to packets: bounded in all, and for each sender, so that one who asks for many leaves the others
 * theirs. A sender is the peer that a packet comes from or, without one, its source address: of IPv6 the first 64 bits,
 * as one host has all addresses behind them. A sender gets its bucket with its first answer and keeps it as long as it
 * lives; nothing else is allocated.
 */
export class SharedRate {
  readonly #perPeer: number
  readonly #all: TokenBucket
  /** As many as there are peers. */
  readonly #peers = new WeakMap<Peer, TokenBucket>()
  readonly #cells: (TokenBucket | undefined)[] = new Array<TokenBucket | undefined>(CELLS).fill(undefined)

  constructor({ perSecond = 1000, perSecondPerPeer = Math.min(perSecond, 100) }: SharedRateOptions = {}) {
    this.#perPeer = perSecondPerPeer
    this.#all = bucketOf(perSecond)
  }

  /** Whether one more answer may go to who sent `packet`, which is then counted. `now` in milliseconds. */
  take(packet: IpPacket, now: number): boolean {
    const { peer } = packet
    return this.takeFor(peer, peer === undefined ? sourceOf(packet) : 0, now)
  }

  /**
   * The same without a packet: `address` is, in 32 bits, that of a sender for whom no peer stands, IPv4 or as
   * `foldAddress6` has it.
   */
  takeFor(peer: Peer | undefined, address: number, now: number): boolean {
    // The share comes first: who has used it up takes nothing from the others.
    return this.#shareOf(peer, address).take(now) && this.#all.take(now)
  }

  #shareOf(peer: Peer | undefined, address: number): TokenBucket {
    const cell = peer === undefined ? cellOf(address) : 0
    const known = peer === undefined ? this.#cells[cell] : this.#peers.get(peer)
    if (known !== undefined) return known
    const share = bucketOf(this.#perPeer)
    if (peer === undefined) this.#cells[cell] = share
    else this.#peers.set(peer, share)
    return share
  }
}

/** The first 64 bits of an IPv6 address, as two words, in 32. */
export function foldAddress6(first: number, second: number): number {
  return first ^ Math.imul(second, 31)
}

function sourceOf({ version, view, offset }: IpPacket): number {
  if (version === 4) return view.getInt32(offset + 12)
  return foldAddress6(view.getInt32(offset + 8), view.getInt32(offset + 12))
}

/** Neighbours fall on different cells: the hash spreads, and need not be hard to foresee, as sources without a peer can be forged. */
function cellOf(address: number): number {
  return Math.imul(address, 0x9e37_79b1) >>> 22
}

function bucketOf(perSecond: number): TokenBucket {
  return new TokenBucket({ perSecond, burst: Math.max(perSecond / 4, 1) })
}
