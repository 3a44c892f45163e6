import { EINVAL, UapiError } from './errno.ts'
import type { UapiTarget } from './target.ts'
import { expectTrue, readAllowedIp, readEndpoint, readKey, readNumber } from './values.ts'

/**
 * One `set=1`: every line takes effect as it comes, as in wireguard-go. A peer that is new is made by the line after its
 * key, so that `update_only` and `remove` make none. Throws at a line that cannot be done; what came before stays.
 */
export class SetOperation {
  readonly #target: UapiTarget
  #peer: Uint8Array | undefined
  /** The peer is not there and its next line decides whether it is made. */
  #isUndecided = false
  #isNew = false
  /** What follows for this peer is checked and has no effect. */
  #isIgnored = false

  constructor(target: UapiTarget) {
    this.#target = target
  }

  pair(key: string, value: Uint8Array): Promise<void> | void {
    if (key === 'public_key') this.#beginPeer(readKey(key, value))
    else if (this.#peer === undefined) return this.#device(key, value)
    else if (key === 'update_only' || key === 'remove') this.#restrict(key, value, this.#peer)
    else this.#changePeer(key, value, this.#peer)
  }

  /** The empty line. */
  end(): void {
    this.#makePeer()
  }

  #device(key: string, value: Uint8Array): Promise<void> | void {
    switch (key) {
      case 'private_key':
        this.#target.setPrivateKey(keyOrNone(readKey(key, value)))
        return
      case 'listen_port':
        return this.#target.setListenPort(readNumber(key, value, 65_535))
      case 'fwmark':
        return this.#target.setFwmark(readNumber(key, value, 0xffff_ffff))
      case 'replace_peers':
        expectTrue(key, value)
        this.#target.removeAllPeers()
        return
      default:
        throw new UapiError(EINVAL, 'expected a key of the device')
    }
  }

  #beginPeer(publicKey: Uint8Array): void {
    this.#makePeer()
    this.#peer = publicKey
    this.#isUndecided = !this.#target.hasPeer(publicKey)
    this.#isNew = this.#isUndecided
    this.#isIgnored = false
  }

  #makePeer(): void {
    if (!this.#isUndecided || this.#peer === undefined) return
    this.#isUndecided = false
    this.#target.addPeer(this.#peer)
  }

  #restrict(key: 'update_only' | 'remove', value: Uint8Array, peer: Uint8Array): void {
    expectTrue(key, value)
    const isToGo = key === 'remove' || this.#isNew
    if (isToGo && !this.#isUndecided && !this.#isIgnored) this.#target.removePeer(peer)
    this.#isUndecided = false
    this.#isIgnored ||= isToGo
  }

  #changePeer(key: string, value: Uint8Array, peer: Uint8Array): void {
    this.#makePeer()
    // The value is checked also where it has no effect.
    const target = this.#isIgnored ? undefined : this.#target
    switch (key) {
      case 'preshared_key': {
        const presharedKey = readKey(key, value)
        target?.setPresharedKey(peer, presharedKey)
        return
      }
      case 'endpoint': {
        const endpoint = readEndpoint(key, value)
        target?.setEndpoint(peer, endpoint)
        return
      }
      case 'persistent_keepalive_interval': {
        const seconds = readNumber(key, value, 65_535)
        target?.setPersistentKeepalive(peer, seconds)
        return
      }
      case 'replace_allowed_ips':
        expectTrue(key, value)
        target?.clearAllowedIps(peer)
        return
      case 'allowed_ip': {
        const { prefix, isRemoval } = readAllowedIp(key, value)
        if (isRemoval) target?.removeAllowedIp(peer, prefix)
        else target?.addAllowedIp(peer, prefix)
        return
      }
      case 'protocol_version':
        if (readNumber(key, value, 1) === 1) return
        throw new UapiError(EINVAL, 'protocol_version: expected 1')
      default:
        throw new UapiError(EINVAL, 'expected a key of a peer')
    }
  }
}

function keyOrNone(key: Uint8Array): Uint8Array | undefined {
  return key.every((byte) => byte === 0) ? undefined : key
}
