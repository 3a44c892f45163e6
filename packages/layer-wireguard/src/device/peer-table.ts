import { ConfigurationError } from '@millrace/core'
import type { AllowedIpTable } from '../allowed-ips/allowed-ips.ts'
import type { ParsedPeer } from '../options.ts'
import { MAX_PEERS } from '../proto/constants.ts'
import type { Keypair } from './keypair.ts'
import { PeerState } from './peer.ts'
import type { DeviceState } from './state.ts'

/** The peers of a device by public key, and what their configuration says. */
export class PeerTable {
  readonly byId: Map<string, PeerState> = new Map()
  readonly #state: DeviceState
  readonly #allowedIps: AllowedIpTable
  readonly #stamps = new Map<string, Uint8Array>()
  readonly #discardKeypair: (keypair: Keypair) => void

  constructor(state: DeviceState, allowedIps: AllowedIpTable) {
    this.#state = state
    this.#allowedIps = allowedIps
    this.#discardKeypair = (keypair) => {
      state.indices.free(keypair.localIndex)
      state.retire(keypair)
    }
  }

  add(parsed: ParsedPeer): PeerState {
    const { publicKey, id } = parsed
    if (this.byId.has(id)) throw new ConfigurationError(`peer ${id}: there already`)
    if (this.byId.size >= MAX_PEERS) throw new ConfigurationError(`peer ${id}: no more than ${MAX_PEERS} peers`)
    if (this.isOwnKey(publicKey)) throw new ConfigurationError(`peer ${id}: that is this device's own public key`)
    const peer = new PeerState(id, this.#discardKeypair)
    this.byId.set(id, peer)
    this.#configure(peer, parsed)
    return peer
  }

  /** Adds a peer that came by a look-up. It must not be younger than it was when it last went: its stamp comes back. */
  addOnDemand(parsed: ParsedPeer): PeerState {
    const peer = this.add(parsed)
    peer.onDemand = true
    peer.latestTimestamp = this.#stamps.get(peer.id) ?? peer.latestTimestamp
    return peer
  }

  /** Keeps the time stamp of an on-demand peer that goes, against replays of its initiations; the oldest goes for it. */
  rememberStamp({ id, latestTimestamp }: PeerState): void {
    const [oldest] = this.#stamps.keys()
    if (this.#stamps.size >= MAX_PEERS && oldest !== undefined) this.#stamps.delete(oldest)
    this.#stamps.delete(id)
    this.#stamps.set(id, latestTimestamp)
  }

  /** Changes what `parsed` names and leaves the rest. */
  update(id: string, parsed: Partial<ParsedPeer>): void {
    const peer = this.byId.get(id)
    if (peer === undefined) throw new ConfigurationError(`peer ${id}: not known`)
    this.#configure(peer, parsed)
  }

  /** Takes a peer out of the table and its prefixes out of theirs. */
  remove(id: string): PeerState | undefined {
    const peer = this.byId.get(id)
    if (peer === undefined) return undefined
    peer.removed = true
    this.byId.delete(id)
    this.#allowedIps.removeAll(peer)
    return peer
  }

  isOwnKey(publicKey: Uint8Array): boolean {
    const { identity } = this.#state
    return identity !== undefined && Buffer.compare(publicKey, identity.local.publicKey) === 0
  }

  #configure(peer: PeerState, parsed: Partial<ParsedPeer>): void {
    if (parsed.name !== undefined) peer.name = parsed.name
    if (parsed.presharedKey !== undefined) {
      peer.presharedKey.fill(0)
      peer.presharedKey = parsed.presharedKey.slice()
    }
    if (parsed.endpoint !== undefined) {
      peer.endpoint = parsed.endpoint
      peer.local = undefined
      peer.endpointName = undefined
    }
    if (parsed.endpointName !== undefined) {
      peer.endpointName = parsed.endpointName
      this.#state.output.findEndpoint?.(peer.id, parsed.endpointName, undefined)
    }
    if (parsed.allowedIps !== undefined) {
      this.#allowedIps.removeAll(peer)
      for (const prefix of parsed.allowedIps) this.#allowedIps.insert(prefix, peer)
    }
    if (parsed.persistentKeepalive !== undefined) this.#setPersistentKeepalive(peer, parsed.persistentKeepalive * 1000)
  }

  /** To turn it on sends one at once, as in the kernel. */
  #setPersistentKeepalive(peer: PeerState, interval: number): void {
    const wasOff = peer.persistentKeepaliveInterval === 0
    peer.persistentKeepaliveInterval = interval
    if (interval === 0 || !wasOff) return
    peer.timers.persistentKeepalive = this.#state.now
    this.#state.schedule(peer)
  }
}
