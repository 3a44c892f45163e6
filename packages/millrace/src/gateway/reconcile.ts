import { isDeepStrictEqual } from 'node:util'
import type { PeerOptions } from '@millrace/layer-wireguard'
import type { PeerRecord } from '../state/state.ts'

/** The part of a WireGuard layer's peers that a change of the state touches. */
export interface PeerControl {
  add(options: PeerOptions): void
  update(publicKey: string, changes: Partial<PeerOptions>): void
  remove(publicKey: string): boolean
}

/** How many peers a change of the state touched. */
export interface Reconciled {
  readonly added: number
  readonly changed: number
  readonly removed: number
}

/** A stored client as the gateway's WireGuard layer takes it. */
export function peerOptions(peer: PeerRecord): PeerOptions {
  const { name, publicKey, presharedKey, address, address6 } = peer
  return { name, publicKey, presharedKey, allowedIps: [`${address}/32`, `${address6}/128`] }
}

/** Brings the peers of a running layer to what is wanted, by public key, touching only what differs from `present`. */
export function reconcile(
  control: PeerControl,
  present: readonly PeerOptions[],
  wanted: readonly PeerOptions[],
): Reconciled {
  const before = new Map(present.map((peer) => [peer.publicKey, peer]))
  const after = new Map(wanted.map((peer) => [peer.publicKey, peer]))
  const removed = present.filter(({ publicKey }) => !after.has(publicKey))
  const added = wanted.filter(({ publicKey }) => !before.has(publicKey))
  const changed = wanted.filter((peer) => {
    const old = before.get(peer.publicKey)
    return old !== undefined && !isDeepStrictEqual(old, peer)
  })
  // First those who go: their addresses may be wanted by others.
  for (const { publicKey } of removed) control.remove(publicKey)
  for (const peer of changed) control.update(peer.publicKey, peer)
  for (const peer of added) control.add(peer)
  return { added: added.length, changed: changed.length, removed: removed.length }
}
