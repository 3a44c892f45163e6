import { EnvironmentError, type Prefix, type SocketAddress, type WireControl } from '@millrace/core'
import type { AllowedIpTable } from './allowed-ips/allowed-ips.ts'
import type { Device } from './device/device.ts'
import { encodeKey } from './keys.ts'
import type { UapiPeer, UapiTarget } from './uapi/target.ts'

/** What the configuration protocol needs of the layer. */
export interface TargetParts {
  /** Tells the device the time before, and sends what it made after. */
  readonly withDevice: <T>(work: (device: Device) => T) => T
  readonly allowedIps: AllowedIpTable
  /** Undefined where the wire has no port to speak of. */
  readonly wire: () => WireControl | undefined
  readonly setPrivateKey: (key: Uint8Array | undefined) => void
}

/** A WireGuard layer as `wg` sees and changes it. */
export class DeviceTarget implements UapiTarget {
  readonly #parts: TargetParts

  constructor(parts: TargetParts) {
    this.#parts = parts
  }

  get privateKey(): Uint8Array | undefined {
    return this.#parts.withDevice((device) => device.privateKey)
  }

  get listenPort(): number {
    return this.#parts.wire()?.port ?? 0
  }

  get fwmark(): number {
    return this.#parts.wire()?.mark ?? 0
  }

  get peers(): Iterable<UapiPeer> {
    const { allowedIps } = this.#parts
    const peers = this.#parts.withDevice((device) => [...device.peers.values()])
    return (function* () {
      for (const peer of peers) {
        if (peer.removed) continue
        const { publicKey, presharedKey, endpoint, latestHandshake, sentBytes, receivedBytes } = peer
        const persistentKeepalive = peer.persistentKeepaliveInterval / 1000
        const prefixes = allowedIps.prefixesOf(peer)
        const counters = { latestHandshake, sentBytes, receivedBytes, persistentKeepalive }
        yield { publicKey, presharedKey, endpoint, allowedIps: prefixes, ...counters }
      }
    })()
  }

  setPrivateKey(key: Uint8Array | undefined): void {
    this.#parts.setPrivateKey(key)
  }

  async setListenPort(port: number): Promise<void> {
    await this.#wire()
      .setPort(port)
      .catch((error: Error) => {
        throw error.cause ?? error
      })
  }

  setFwmark(mark: number): void {
    try {
      this.#wire().setMark(mark)
    } catch (error) {
      throw (error as Error).cause ?? error
    }
  }

  removeAllPeers(): void {
    this.#parts.withDevice((device) => {
      for (const id of [...device.peers.keys()]) device.removePeer(id)
    })
  }

  hasPeer(publicKey: Uint8Array): boolean {
    return this.#parts.withDevice((device) => device.peers.has(encodeKey(publicKey)))
  }

  addPeer(publicKey: Uint8Array): void {
    this.#parts.withDevice((device) => {
      if (device.isOwnKey(publicKey)) return
      const id = encodeKey(publicKey)
      const nothing = {
        name: undefined,
        presharedKey: undefined,
        endpoint: undefined,
        endpointName: undefined,
        allowedIps: [],
        persistentKeepalive: 0,
      }
      device.addPeer({ publicKey, id, ...nothing })
    })
  }

  removePeer(publicKey: Uint8Array): void {
    this.#parts.withDevice((device) => device.removePeer(encodeKey(publicKey)))
  }

  setPresharedKey(publicKey: Uint8Array, presharedKey: Uint8Array): void {
    this.#update(publicKey, { presharedKey })
  }

  setEndpoint(publicKey: Uint8Array, endpoint: SocketAddress): void {
    this.#update(publicKey, { endpoint })
  }

  setPersistentKeepalive(publicKey: Uint8Array, persistentKeepalive: number): void {
    this.#update(publicKey, { persistentKeepalive })
  }

  clearAllowedIps(publicKey: Uint8Array): void {
    this.#update(publicKey, { allowedIps: [] })
  }

  addAllowedIp(publicKey: Uint8Array, prefix: Prefix): void {
    const peer = this.#parts.withDevice((device) => device.peers.get(encodeKey(publicKey)))
    if (peer !== undefined) this.#parts.allowedIps.insert(prefix, peer)
  }

  removeAllowedIp(publicKey: Uint8Array, prefix: Prefix): void {
    const peer = this.#parts.withDevice((device) => device.peers.get(encodeKey(publicKey)))
    if (peer !== undefined) this.#parts.allowedIps.remove(prefix, peer)
  }

  #update(publicKey: Uint8Array, changes: Parameters<Device['updatePeer']>[1]): void {
    this.#parts.withDevice((device) => {
      const id = encodeKey(publicKey)
      if (device.peers.has(id)) device.updatePeer(id, changes)
    })
  }

  #wire(): WireControl {
    const wire = this.#parts.wire()
    if (wire === undefined) throw new EnvironmentError('the wire of this stack has no port or mark to set')
    return wire
  }
}
