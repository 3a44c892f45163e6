import type { SeededRandom } from '@millrace/core/testing'
import { sackOption } from './raw-options.ts'
import type { RawPeer } from './raw-peer.ts'

/** Of a super-packet nothing is seen here: it has been cut to the MTU. */
export const TCP_MAXIMUM_PACKET = 1420

const NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG']

/** A segment of the peer's connection, or nearly: everything in it may be wrong, most of it only a little. */
export function randomSegment(random: SeededRandom, peer: RawPeer): Uint8Array {
  const below = (limit: number): number => random.uint32() % limit
  const near = (center: number): number => {
    if (random.chance(0.05)) return random.uint32() | 0
    return random.chance(0.5) ? center : center + below(30_000) - 10_000
  }
  const flags = random.chance(0.6) ? 'ACK' : NAMES.filter(() => random.chance(0.35)).join(' ') || 'ACK'
  const bytes = peer.make(flags, {
    seq: near(1 + below(3000)),
    ack: near(peer.next),
    window: random.chance(0.3) ? 0 : below(65_536),
    data: random.chance(0.5) ? new Uint8Array(below(1300)) : '',
    options: randomOptions(random, peer),
    timestamp: random.chance(0.8) ? Math.floor(peer.clock.now()) : random.uint32(),
  })
  // Some are spoiled, so that the checksum or a length is wrong.
  if (random.chance(0.15)) bytes[below(bytes.length)] = below(256)
  return random.chance(0.05) ? bytes.subarray(0, below(bytes.length)) : bytes
}

function randomOptions(random: SeededRandom, peer: RawPeer): number[] {
  const below = (limit: number): number => random.uint32() % limit
  if (random.chance(0.4)) return []
  if (random.chance(0.5)) {
    const start = peer.next - below(4000)
    return sackOption(peer.iss, [start, start + below(2000) - 200], [start + below(3000), start + below(6000)])
  }
  return Array.from({ length: below(24) }, () => below(random.chance(0.7) ? 10 : 256))
}
