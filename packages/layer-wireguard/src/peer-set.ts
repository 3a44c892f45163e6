import { formatPrefix } from '@millrace/core'
import type { AllowedIpTable } from './allowed-ips/allowed-ips.ts'
import type { Device } from './device/device.ts'
import type { PeerState } from './device/peer.ts'
import { type PeerOptions, parsePeer, parsePeerChanges } from './options.ts'

/** What can be told of a peer. */
export interface PeerStatus {
  readonly name: string
  /** Base64. */
  readonly publicKey: string
  /** Where it was last heard from, or was configured to be. */
  readonly endpoint: string | undefined
  readonly allowedIps: readonly string[]
  /** Seconds; 0 for off. */
  readonly persistentKeepalive: number
  /** Unix time in milliseconds; undefined for never. */
  readonly latestHandshake: number | undefined
  /** Bytes of WireGuard messages, both handshake and transport. */
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Whether a confirmed session stands. */
  readonly isUp: boolean
}

/** The peers of a running or not yet running device. Every change takes effect at once. */
export class PeerSet {
  readonly #withDevice: <T>(work: (device: Device) => T) => T
  readonly #allowedIps: AllowedIpTable

  /** `withDevice` tells the device the time before, and sends what it made after. */
  constructor(withDevice: <T>(work: (device: Device) => T) => T, allowedIps: AllowedIpTable) {
    this.#withDevice = withDevice
    this.#allowedIps = allowedIps
  }

  /** Throws a ConfigurationError if an option is wrong or the peer is there already; nothing is changed then. */
  add(options: PeerOptions): void {
    const peer = parsePeer(options)
    this.#withDevice((device) => device.addPeer(peer))
  }

  /** Changes what is given and leaves the rest; `allowedIps` replaces all of its prefixes. */
  update(publicKey: string, changes: Partial<PeerOptions>): void {
    const parsed = parsePeerChanges(publicKey, changes)
    this.#withDevice((device) => device.updatePeer(publicKey, parsed))
  }

  /** Its session ends at once. False if it was not there. */
  remove(publicKey: string): boolean {
    return this.#withDevice((device) => device.removePeer(publicKey))
  }

  get(publicKey: string): PeerStatus | undefined {
    const peer = this.#withDevice((device) => device.peers.get(publicKey))
    return peer && this.#status(peer)
  }

  list(): readonly PeerStatus[] {
    const peers = this.#withDevice((device) => [...device.peers.values()])
    return peers.map((peer) => this.#status(peer))
  }

  #status(peer: PeerState): PeerStatus {
    return {
      name: peer.name,
      publicKey: peer.id,
      endpoint: peer.endpoint?.toString(),
      allowedIps: this.#allowedIps.prefixesOf(peer).map(formatPrefix),
      persistentKeepalive: peer.persistentKeepaliveInterval / 1000,
      latestHandshake: peer.latestHandshake || undefined,
      receivedBytes: peer.receivedBytes,
      sentBytes: peer.sentBytes,
      isUp: peer.isUp,
    }
  }
}
