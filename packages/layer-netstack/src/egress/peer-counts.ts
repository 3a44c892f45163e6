import { counter, gauge, type Metric, type MetricSample, sample } from './metric.ts'

interface Counts {
  active: number
  opened: number
  refused: number
  sent: number
  received: number
}

/** Peers with a series of their own; all others share the one with the empty name. */
const MAXIMUM_PEERS = 1000

/** What each peer does, by its name. */
export class PeerCounts {
  readonly #peers = new Map<string, Counts>()

  opened(peer: string): void {
    const counts = this.#of(peer)
    counts.active++
    counts.opened++
  }

  closed(peer: string): void {
    this.#of(peer).active--
  }

  refused(peer: string): void {
    this.#of(peer).refused++
  }

  transferred(peer: string, sent: number, received: number): void {
    const counts = this.#of(peer)
    counts.sent += sent
    counts.received += received
  }

  metrics(): readonly Metric[] {
    const all = [...this.#peers]
    const byPeer = (key: 'active' | 'opened' | 'refused'): MetricSample[] =>
      all.map(([peer, counts]) => sample(counts[key], { peer }))
    const bytes = all.flatMap(([peer, { sent, received }]) => [
      sample(sent, { peer, direction: 'sent' }),
      sample(received, { peer, direction: 'received' }),
    ])
    return [
      gauge('egress_peer_flows_active', 'Flows now, of each peer.', byPeer('active')),
      counter('egress_peer_flows_opened_total', 'Flows begun, of each peer.', byPeer('opened')),
      counter('egress_peer_flows_refused_total', 'Flows that were not begun, of each peer.', byPeer('refused')),
      counter('egress_peer_bytes_total', 'Bytes of payload: sent by the peer, and received by it.', bytes),
    ]
  }

  /** Names once given a series keep it, so that what is begun under one ends there too. */
  #of(peer: string): Counts {
    const name = this.#peers.has(peer) || this.#peers.size < MAXIMUM_PEERS ? peer : ''
    const known = this.#peers.get(name)
    if (known !== undefined) return known
    const counts = { active: 0, opened: 0, refused: 0, sent: 0, received: 0 }
    this.#peers.set(name, counts)
    return counts
  }
}
