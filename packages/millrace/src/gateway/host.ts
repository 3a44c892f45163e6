import type { HostAddress, HostRoute } from '@millrace/native'

/** What a gateway asks of the machine it runs on, and changes there. Tests put one in memory in its place. */
export interface Host {
  /** Whether this process may change the network (CAP_NET_ADMIN). */
  readonly mayConfigure: boolean
  /** Whether there is a TUN device to open. */
  readonly hasTun: boolean
  /** Tells this boot and network namespace from others. */
  readonly identity: string
  addresses(): readonly HostAddress[]
  routes(): readonly HostRoute[]
  /** The way to an address as of now; undefined if there is none. */
  routeTo(address: string): HostRoute | undefined
  hasInterface(name: string): boolean
  /** Whether IPv4 packets that come in on an interface are forwarded. */
  forwarding(name: string): boolean
  setForwarding(name: string, on: boolean): void
  /** Whether the host answers ARP requests for an address on an interface. */
  answersFor(address: string, name: string): boolean
  addProxyNeighbour(name: string, address: string): void
  /** No error when there is none. */
  deleteProxyNeighbour(name: string, address: string): void
  /** Runs an nftables script as one transaction, or only checks it. */
  nft(script: string, options?: { readonly check?: boolean }): Promise<void>
}
