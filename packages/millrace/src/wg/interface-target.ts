import type { Prefix, SocketAddress } from '@millrace/core'
import type { UapiPeer, UapiTarget } from '@millrace/layer-wireguard'

/** Port and mark, which an interface has while it is down too. */
export interface InterfaceSockets {
  readonly port: number
  readonly mark: number
  setPort(port: number): Promise<void>
  setMark(mark: number): void
}

/** The device of an interface, as `wg` sees and changes it: all but the sockets is the layer's own. */
export class InterfaceTarget implements UapiTarget {
  readonly #device: UapiTarget
  readonly #sockets: InterfaceSockets

  constructor(device: UapiTarget, sockets: InterfaceSockets) {
    this.#device = device
    this.#sockets = sockets
  }

  get listenPort(): number {
    return this.#sockets.port
  }

  get fwmark(): number {
    return this.#sockets.mark
  }

  setListenPort(port: number): Promise<void> {
    return this.#sockets.setPort(port)
  }

  setFwmark(mark: number): void {
    this.#sockets.setMark(mark)
  }

  get privateKey(): Uint8Array | undefined {
    return this.#device.privateKey
  }

  get peers(): Iterable<UapiPeer> {
    return this.#device.peers
  }

  setPrivateKey(key: Uint8Array | undefined): void {
    this.#device.setPrivateKey(key)
  }

  removeAllPeers(): void {
    this.#device.removeAllPeers()
  }

  hasPeer(publicKey: Uint8Array): boolean {
    return this.#device.hasPeer(publicKey)
  }

  addPeer(publicKey: Uint8Array): void {
    this.#device.addPeer(publicKey)
  }

  removePeer(publicKey: Uint8Array): void {
    this.#device.removePeer(publicKey)
  }

  setPresharedKey(publicKey: Uint8Array, key: Uint8Array): void {
    this.#device.setPresharedKey(publicKey, key)
  }

  setEndpoint(publicKey: Uint8Array, endpoint: SocketAddress): void {
    this.#device.setEndpoint(publicKey, endpoint)
  }

  setPersistentKeepalive(publicKey: Uint8Array, seconds: number): void {
    this.#device.setPersistentKeepalive(publicKey, seconds)
  }

  clearAllowedIps(publicKey: Uint8Array): void {
    this.#device.clearAllowedIps(publicKey)
  }

  addAllowedIp(publicKey: Uint8Array, prefix: Prefix): void {
    this.#device.addAllowedIp(publicKey, prefix)
  }

  removeAllowedIp(publicKey: Uint8Array, prefix: Prefix): void {
    this.#device.removeAllowedIp(publicKey, prefix)
  }
}
