import { formatPrefix, type Prefix, type SocketAddress } from '@millrace/core'
import { UapiError } from '../errno.ts'
import type { UapiPeer, UapiTarget } from '../target.ts'

interface MemoryPeer extends UapiPeer {
  presharedKey: Uint8Array
  endpoint: SocketAddress | undefined
  latestHandshake: number
  sentBytes: number | bigint
  receivedBytes: number | bigint
  persistentKeepalive: number
  readonly prefixes: Map<string, Prefix>
}

/** A device that keeps what it is told and does nothing. */
export class MemoryTarget implements UapiTarget {
  privateKey: Uint8Array | undefined
  listenPort = 0
  fwmark = 0
  readonly byKey: Map<string, MemoryPeer> = new Map()
  readonly #holders = new Map<string, MemoryPeer>()
  /** Hex. */
  ownPublicKey = ''
  maximumPeers = 65_536
  /** Ports of other programs. */
  readonly taken: Set<number> = new Set()

  get peers(): Iterable<UapiPeer> {
    return this.byKey.values()
  }

  setPrivateKey(key: Uint8Array | undefined): void {
    this.privateKey = key
  }

  async setListenPort(port: number): Promise<void> {
    await new Promise((next) => setImmediate(next))
    if (this.taken.has(port)) throw Object.assign(new Error('bind EADDRINUSE'), { code: 'EADDRINUSE', errno: -98 })
    this.listenPort = port
  }

  setFwmark(mark: number): void {
    this.fwmark = mark
  }

  removeAllPeers(): void {
    this.byKey.clear()
    this.#holders.clear()
  }

  hasPeer(publicKey: Uint8Array): boolean {
    return this.byKey.has(hex(publicKey))
  }

  addPeer(publicKey: Uint8Array): void {
    if (hex(publicKey) === this.ownPublicKey) return
    if (this.byKey.size >= this.maximumPeers) throw new UapiError(12, 'too many peers')
    const prefixes = new Map<string, Prefix>()
    this.byKey.set(hex(publicKey), {
      publicKey,
      presharedKey: new Uint8Array(32),
      endpoint: undefined,
      latestHandshake: 0,
      sentBytes: 0,
      receivedBytes: 0,
      persistentKeepalive: 0,
      prefixes,
      get allowedIps() {
        return prefixes.values()
      },
    })
  }

  removePeer(publicKey: Uint8Array): void {
    this.clearAllowedIps(publicKey)
    this.byKey.delete(hex(publicKey))
  }

  setPresharedKey(publicKey: Uint8Array, key: Uint8Array): void {
    this.#with(publicKey, (peer) => {
      peer.presharedKey = key
    })
  }

  setEndpoint(publicKey: Uint8Array, endpoint: SocketAddress): void {
    this.#with(publicKey, (peer) => {
      peer.endpoint = endpoint
    })
  }

  setPersistentKeepalive(publicKey: Uint8Array, seconds: number): void {
    this.#with(publicKey, (peer) => {
      peer.persistentKeepalive = seconds
    })
  }

  clearAllowedIps(publicKey: Uint8Array): void {
    this.#with(publicKey, (peer) => {
      for (const text of peer.prefixes.keys()) this.#holders.delete(text)
      peer.prefixes.clear()
    })
  }

  addAllowedIp(publicKey: Uint8Array, prefix: Prefix): void {
    this.#with(publicKey, (peer) => {
      const text = formatPrefix(prefix)
      this.#holders.get(text)?.prefixes.delete(text)
      this.#holders.set(text, peer)
      peer.prefixes.set(text, prefix)
    })
  }

  removeAllowedIp(publicKey: Uint8Array, prefix: Prefix): void {
    this.#with(publicKey, (peer) => {
      if (peer.prefixes.delete(formatPrefix(prefix))) this.#holders.delete(formatPrefix(prefix))
    })
  }

  /** All of it as text, peers by key. */
  snapshot(): object {
    return {
      privateKey: this.privateKey && hex(this.privateKey),
      listenPort: this.listenPort,
      fwmark: this.fwmark,
      peers: Object.fromEntries(
        [...this.byKey].map(([key, peer]) => [
          key,
          {
            presharedKey: hex(peer.presharedKey),
            endpoint: peer.endpoint?.toString(),
            persistentKeepalive: peer.persistentKeepalive,
            allowedIps: [...peer.prefixes.keys()],
          },
        ]),
      ),
    }
  }

  #with(publicKey: Uint8Array, work: (peer: MemoryPeer) => void): void {
    const peer = this.byKey.get(hex(publicKey))
    if (peer !== undefined) work(peer)
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
