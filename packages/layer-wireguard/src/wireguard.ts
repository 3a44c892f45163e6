import type { Datagram, DuplexLayer, PeerPacket } from '@millrace/core'
import type { Observable } from 'rxjs'
import type { ParsedConfig } from './config/config.ts'
import { parseConfig } from './config/parse-config.ts'
import type { WireguardEvent } from './device/events.ts'
import { DeviceLayer } from './device-layer.ts'
import { optionsFromConfig } from './from-config.ts'
import type { PeerOptions } from './options.ts'
import type { LookupPeer } from './peer-lookup.ts'
import type { PeerSet } from './peer-set.ts'
import type { UapiTarget } from './uapi/target.ts'

export interface WireguardOptions {
  /** This end's private key: 32 bytes, or base64 as `wg genkey` prints it. Without one it answers nobody until it is set. */
  readonly privateKey?: string | Uint8Array
  readonly peers?: readonly PeerOptions[]
  /** MTU of the tunnel, bytes: padding does not make a message larger than this allows. Default 1420. */
  readonly mtu?: number
  /**
   * Asked when somebody unknown begins a handshake, with the public key in base64: for more peers than one would hold.
   * It may be asynchronous. A peer found so is held while its sessions last (540 s after the last one). At most 256
   * look-ups are under way and begun in a second; who was not found is not asked for again for 10 s.
   */
  readonly lookupPeer?: LookupPeer
  /**
   * Threads that encrypt and decrypt, 1 to 64: this one, where all else stays, and `threads` - 1 workers. Default 1. Where
   * no more than one can be had (no koffi, a crypto provider of one's own) it is one, and logged.
   */
  readonly threads?: number
}

/** The layer, and the handle by which a program sees and changes its peers while it runs. */
export interface WireguardLayer extends DuplexLayer<Datagram, PeerPacket> {
  /** This end's public key, base64; empty without a private key. */
  readonly publicKey: string
  /** The same device as `wg` sees and changes it, for `serveUapi`. */
  readonly target: UapiTarget
  /** Changes the MTU of the tunnel, bytes. */
  setMtu(mtu: number): void
  /** Takes another private key, or none. Sessions end, and the next packets begin handshakes with the new one. */
  setPrivateKey(key: string | Uint8Array | undefined): void
  readonly peers: PeerSet
  readonly events: Observable<WireguardEvent>
}

/**
 * WireGuard: datagrams below, authenticated packets of known peers above. It answers and begins handshakes, rekeys,
 * keeps alive and follows peers that move, by itself.
 *
 * In place of options it takes a configuration in wg-quick's format, as text or parsed by `parseConfig`. Of what stands
 * under `[Interface]` it uses the key and the MTU: the rest is for `udp` and `tun`, and no command in it is ever run.
 *
 * Drops on the way up: `bad-length`, `bad-type`, `bad-mac1`, `initiation-not-authentic`, `initiation-replayed`,
 * `initiation-flood`, `unknown-peer`, `ephemeral-of-low-order`, `unknown-index`, `response-not-authentic`,
 * `cookie-not-authentic`, `under-load`, `rate-limited`, `handshake-queue-full`, `no-private-key`, `session-expired`,
 * `not-authentic`, `replayed`, `pool-empty`, `worker-queue-full`, `worker-lost`, `device-closed`; on the way down:
 * `no-endpoint`, `no-private-key`, `staged-overflow`, `handshake-failed`, `no-headroom`, `peer-removed`,
 * `peer-key-of-low-order`, `pool-empty`, `worker-queue-full`, `worker-lost`, `super-packet-unsupported`, `device-closed`.
 */
export function wireguard(options: WireguardOptions | ParsedConfig | string): WireguardLayer {
  if (typeof options === 'string') return wireguard(parseConfig(options))
  if ('interface' in options) return wireguard(optionsFromConfig(options))
  return new DeviceLayer(options)
}
