/**
 * WireGuard as layers: `wireguard` between datagrams and the packets of its peers, `allowedIps` between those and IP.
 * An independent implementation; WireGuard is a registered trademark of Jason A. Donenfeld.
 *
 * @packageDocumentation
 */
export { ALLOWED_IPS, type AllowedIpTable, allowedIps } from './allowed-ips/allowed-ips.ts'
export { PrefixTable } from './allowed-ips/prefix-table.ts'
export * from './config/index.ts'
export { type AeadKey, CRYPTO, type CryptoProvider, chooseCrypto, chooseFrom } from './crypto/crypto.ts'
export { nobleCrypto } from './crypto/noble.ts'
export { nodeCrypto } from './crypto/node.ts'
export type { EventPeer, WireguardEvent } from './device/events.ts'
export type { PeerState } from './device/peer.ts'
export { decodeKey, encodeKey, generatePresharedKey, generatePrivateKey, publicKeyOf } from './keys.ts'
export { LOOKUP } from './named-endpoints.ts'
export type { PeerOptions } from './options.ts'
export type { LookupPeer } from './peer-lookup.ts'
export type { PeerSet, PeerStatus } from './peer-set.ts'
export { WORKER_SCRIPT } from './threads/worker-script.ts'
export * from './uapi/index.ts'
export { type WireguardLayer, type WireguardOptions, wireguard } from './wireguard.ts'
