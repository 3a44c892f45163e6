import type { Prefix } from '@millrace/core'

/** A configuration in wg-quick's format, in binary form. Nothing in it has been done or resolved. */
export interface ParsedConfig {
  readonly interface: InterfaceConfig
  readonly peers: readonly PeerConfig[]
}

/** `[Interface]`: what wg(8) takes, and what wg-quick(8) adds. */
export interface InterfaceConfig {
  readonly privateKey: Uint8Array
  /** 0: any free one. */
  readonly listenPort: number
  /** 0: none. */
  readonly fwmark: number
  readonly addresses: readonly InterfaceAddress[]
  /** Addresses of name servers. */
  readonly dns: readonly string[]
  /** Search domains. */
  readonly dnsSearch: readonly string[]
  /** Bytes; undefined: to be found out. */
  readonly mtu: number | undefined
  /** Routing table for the allowed IPs. `auto`: the main one, or policy routing for a default route; `off`: none. */
  readonly table: 'auto' | 'off' | number
  /** Shell commands as they were written, `%i` and all. Whoever runs one lets the file's author run anything. */
  readonly preUp: readonly string[]
  readonly postUp: readonly string[]
  readonly preDown: readonly string[]
  readonly postDown: readonly string[]
  readonly saveConfig: boolean
}

/** An address of the interface itself, with the length of the prefix it is in: host bits are kept. */
export interface InterfaceAddress {
  readonly family: 4 | 6
  readonly address: string
  readonly prefixLength: number
}

/** `[Peer]`. */
export interface PeerConfig {
  readonly publicKey: Uint8Array
  readonly presharedKey: Uint8Array | undefined
  readonly allowedIps: readonly Prefix[]
  readonly endpoint: HostPort | undefined
  /** Seconds; 0 for off. */
  readonly persistentKeepalive: number
  /** The comment in the line right below `[Peer]`. */
  readonly name: string | undefined
}

/** Where a peer is: an address without brackets, or a name that is still to be resolved. */
export interface HostPort {
  readonly host: string
  readonly port: number
}
