import type { Prefix, SocketAddress } from '@millrace/core'

/** What `get=1` tells of a peer. */
export interface UapiPeer {
  readonly publicKey: Uint8Array
  /** 32 bytes; all zero for none. */
  readonly presharedKey: Uint8Array
  readonly endpoint: SocketAddress | undefined
  /** Unix time of the last handshake, milliseconds; 0 for never. */
  readonly latestHandshake: number
  readonly sentBytes: number | bigint
  readonly receivedBytes: number | bigint
  /** Seconds; 0 for off. */
  readonly persistentKeepalive: number
  readonly allowedIps: Iterable<Prefix>
}

/**
 * The device, as the configuration protocol sees and changes it. Reading is synchronous; a long answer is read in
 * pieces, so `peers` and `allowedIps` must bear changes while they are iterated.
 *
 * A change throws (or rejects) if it cannot be made: a {@link UapiError} or a system error gives the number that the
 * client is told, a ConfigurationError is EINVAL, all else EIO. A change to a peer that is not there does nothing. The
 * arrays handed over belong to the target.
 */
export interface UapiTarget {
  /** 32 bytes, or undefined if there is none. */
  readonly privateKey: Uint8Array | undefined
  /** Host order; 0 if none is open. */
  readonly listenPort: number
  /** 0 for none. */
  readonly fwmark: number
  readonly peers: Iterable<UapiPeer>

  setPrivateKey(key: Uint8Array | undefined): void
  /** 0 asks for any free port. Throws or rejects with EADDRINUSE if it is taken. */
  setListenPort(port: number): Promise<void> | void
  /** Unsigned 32 bits; 0 takes it off. */
  setFwmark(mark: number): Promise<void> | void
  removeAllPeers(): void
  hasPeer(publicKey: Uint8Array): boolean
  /** The device's own public key is silently not added. Throws where the bound on peers is reached. */
  addPeer(publicKey: Uint8Array): void
  removePeer(publicKey: Uint8Array): void
  /** All zero for none. */
  setPresharedKey(publicKey: Uint8Array, key: Uint8Array): void
  setEndpoint(publicKey: Uint8Array, endpoint: SocketAddress): void
  /** Seconds; 0 for off. From 0 to anything else, one is sent at once. */
  setPersistentKeepalive(publicKey: Uint8Array, seconds: number): void
  clearAllowedIps(publicKey: Uint8Array): void
  /** Moves the prefix here if another peer has it. */
  addAllowedIp(publicKey: Uint8Array, prefix: Prefix): void
  /** Does nothing if the prefix is another peer's. */
  removeAllowedIp(publicKey: Uint8Array, prefix: Prefix): void
}
