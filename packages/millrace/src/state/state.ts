/** The version of the state file that this program writes, and the newest it reads. */
export const STATE_VERSION = 1

export const INTERFACE_NAME: RegExp = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,15}$/
export const PEER_NAME: RegExp = /^[A-Za-z0-9._-]{1,32}$/

/** Ends the clients' flows here and begins them anew from ordinary sockets. */
interface RootlessEgress {
  readonly mode: 'rootless'
  /** What `--egress-ip` said; without any, the addresses with which this host goes out. */
  readonly addresses: readonly string[]
  /** Destinations open, or closed, besides the usual: see `sockets`. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  /** The name server that answers clients at the gateway's address. */
  readonly resolver?: string | undefined
}

/** How the clients' packets leave. */
export type Egress = RootlessEgress | { readonly mode: 'tun'; readonly address: string } | { readonly mode: 'kernel' }

export type EgressMode = Egress['mode']

/** One client, and all that its configuration is made of. Keys are base64. */
export interface PeerRecord {
  readonly name: string
  /** Kept so that `peer show` can print the client's configuration again. */
  readonly privateKey: string
  /** That of `privateKey`: what identifies the client on the wire. */
  readonly publicKey: string
  readonly presharedKey: string
  readonly address: string
  readonly address6: string
  /** The egress address pinned to it, of those of the gateway. */
  readonly egressIp?: string | undefined
}

/** What a gateway keeps between runs. */
export interface GatewayState {
  readonly version: typeof STATE_VERSION
  readonly privateKey: string
  readonly listenPort: number
  /** What `--public` said; without it the address is looked up at each start. */
  readonly public?: string | undefined
  /** HOST:PORT in the clients' configurations, as of the last start. */
  readonly endpoint: string
  readonly egress: Egress
  /** IPv4, with prefix length. Its first host is the gateway. */
  readonly subnet: string
  /** IPv6, 64 bits. */
  readonly subnet6: string
  /** Name of the TUN interface. */
  readonly interface: string
  /** What `--outer` said; without it the routes tell. */
  readonly outer?: string | undefined
  /** Resolvers in the clients' configurations. */
  readonly dns: readonly string[]
  readonly peers: readonly PeerRecord[]
}
