import type { OnesComplement } from '../ip/ones-complement.ts'
import type { Packet, Peer } from '../packet/packet.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'
import { Candidate } from './candidate.ts'
import { Run } from './run.ts'

/** The packet has become part of one that is held. Its bytes have been copied. */
export const JOINED = 0
/** It may be the first of several: copy it to a packet with room for `MAXIMUM_PACKET` and {@link Joiner.hold} that. */
export const STARTS = 1
/** It goes as it is. */
export const ALONE = 2
export type Joined = typeof JOINED | typeof STARTS | typeof ALONE

/** Flows of which something is held at the same time, at most. */
const MAXIMUM_FLOWS = 8

/**
 * Joins TCP segments or UDP datagrams of one flow, as they come in one behind the other, into one super-packet, and
 * loses nothing by it: {@link Segmenter} makes the very same packets of it again, but for the IPv4 identification of
 * packets with DF, which means nothing (RFC 6864 §4.1). So only packets with right checksums are joined that are equal in
 * all that a header says but once. In a round, for each packet in turn:
 *
 *     switch (joiner.add(peer, at, length)) {
 *       case JOINED: break
 *       case STARTS: // a copy of it, `held`, takes its place
 *         joiner.hold(held)
 *       case ALONE: ...
 *     }
 *
 * and at the end of the round `finish`. Packets keep their order within a flow as long as each one, held or not, keeps
 * its place: whatever cannot be joined ends what is held of its flow.
 */
export class Joiner {
  /** Whether TCP segments are joined. Not to be changed while something is held. */
  tcp = true
  /** The same for UDP datagrams. */
  udp = true
  readonly #sums: OnesComplement
  readonly #candidate: Candidate
  readonly #runs: readonly Run[]
  #started = 0
  #mayHold = false

  /** `sums` of the pool that the packets come from. */
  constructor(sums: OnesComplement) {
    this.#sums = sums
    this.#candidate = new Candidate(sums)
    this.#runs = Array.from({ length: MAXIMUM_FLOWS }, () => new Run(sums))
  }

  /**
   * Looks at the IP packet in `memory[at, at + length)` that `peer` has sent. It may be anything; there may be padding
   * behind it.
   */
  add(peer: Peer, at: number, length: number): Joined {
    this.#mayHold = false
    const candidate = this.#candidate
    candidate.read(at, length)
    if (candidate.version === 0) return ALONE
    if (!candidate.hasPorts) {
      // A fragment, or what has options, may belong to any flow between the two hosts.
      for (const run of this.#runs) if (run.isBetween(peer, candidate)) run.close()
      return ALONE
    }
    for (const run of this.#runs) {
      if (!run.isOf(peer, candidate)) continue
      if (run.append(candidate)) return JOINED
      run.close()
      break
    }
    if (!candidate.isPlain || candidate.isLast || !(candidate.isTcp ? this.tcp : this.udp)) return ALONE
    const payloadSum = this.#sums.sum(at + candidate.headers, candidate.size)
    if (!candidate.hasRightIpChecksum() || !candidate.hasRightChecksum(payloadSum)) return ALONE
    this.#mayHold = true
    return STARTS
  }

  /**
   * To be called at once after `add` has returned STARTS, if at all: `packet` has the same bytes, its `peer` set, and room
   * for what is to come. It stays the caller's, who leaves it alone until `finish`.
   */
  hold(packet: Packet): void {
    if (!this.#mayHold) return
    this.#mayHold = false
    const run = this.#freeRun()
    run.close()
    run.open(packet as PooledPacket, this.#candidate, this.#started++)
  }

  /** Ends all runs and makes their packets whole. Nothing is held afterwards. */
  finish(): void {
    for (const run of this.#runs) run.close()
  }

  /** One that holds nothing, or else the one that began first. */
  #freeRun(): Run {
    let oldest = this.#runs[0] as Run
    for (const run of this.#runs) {
      if (run.packet === undefined) return run
      if (run.started < oldest.started) oldest = run
    }
    return oldest
  }
}
