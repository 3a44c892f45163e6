import type { TokenBucketOptions } from '@millrace/core'
import type { NatBehaviours } from './behaviour.ts'
import type { NatPick } from './egress.ts'
import type { NatTimeouts } from './session-classes.ts'

/** A way in from the outside (RFC 4787 calls it a static mapping): one port, or as many as a range has. */
export interface NatForward {
  readonly protocol: 'tcp' | 'udp'
  /** Outside port, or first and last of a range. */
  readonly port: number | readonly [first: number, last: number]
  /** Inside address. */
  readonly to: string
  /** Inside port, of a range the first one. Default: the same as outside. */
  readonly toPort?: number
  /** Outside address, of several. Default: the first. */
  readonly address?: string
}

export interface NatOptions {
  /** The IPv4 address under which all peers appear outside, or a pool of them. */
  readonly address: string | readonly string[]
  /**
   * Which address of a pool a peer gets. `paired` (default): always the same one, from a keyed hash of its name (RFC 4787
   * REQ-2). `pinned`: the one that `pins` says, and none if it says none. `per-flow`: any, for each mapping anew.
   */
  readonly pick?: NatPick
  /** When the address has no port left: `refuse` (default), or try the `next` of the pool. `pinned` always refuses. */
  readonly overflow?: 'refuse' | 'next'
  /** For `pinned`: outside address by the name of the peer, or by inside address where packets have no peer. */
  readonly pins?: Readonly<Record<string, string>>
  /** Of the hash of `paired`. Default: random, so that peers may get another address after a restart. */
  readonly secret?: string
  /** Whom errors to the inside come from: the gateway's address in the tunnel. Default: the first `address`. */
  readonly gatewayAddress?: string
  /**
   * Default: UDP and ICMP endpoint-independent (RFC 4787 REQ-1, RFC 5508 REQ-1), TCP address- and port-dependent, so that
   * one address carries some 64,000 connections to each destination instead of in all.
   */
  readonly mapping?: NatBehaviours
  /** Who may answer. Default: only who was spoken to, address- and port-dependent. Never more open than `mapping`. */
  readonly filtering?: NatBehaviours
  /** Ways in: port forwards. Their outside ports are used for nothing else. */
  readonly forwards?: readonly NatForward[]
  /** One-to-one: inside addresses with an outside address of their own, for all protocols and in both directions. */
  readonly staticAddresses?: readonly { readonly inside: string; readonly outside: string }[]
  /**
   * Default true: what the inside sends to an outside address of ours comes back to the inside (RFC 4787 REQ-9), if
   * filtering lets it in. False where peers must not reach each other by any way.
   */
  readonly hairpin?: boolean
  /** Protocols without ports we know, as GRE and ESP: true translates the address alone. Default false: refused. */
  readonly otherProtocols?: boolean
  /**
   * IPv6, which is not translated here: `refuse` (default), so that nothing leaves under another address by mistake, or
   * `pass` it untouched, where `nat66()`, `nptv6()` or a `reject` stands on another line.
   */
  readonly ipv6?: 'refuse' | 'pass'
  /**
   * First and last outside port (of an ICMP echo: identifier). Default 1024 to 65535, as RFC 6056 §3.2 advises: the more
   * there are, the harder they are to guess and the later they run out. Ports below 1024 stay for services.
   */
  readonly ports?: readonly [first: number, last: number]
  /** Ports never used because somebody on `address` listens there: a peer that got one could take over its answers (CVE-2021-3773). */
  readonly reservedPorts?: readonly number[]
  /**
   * Cuts the ports of each outside address into blocks of `size`, of which a peer gets one when it needs it, at random, and
   * up to `perPeer` (default 4) of one address: all its ports and identifiers come from them, and nobody else's. A log of
   * blocks is short (RFC 6888 REQ-14). Default: no blocks, all peers draw from all ports. `size` is at most 4,096,
   * `perPeer` 256, and both together 16,384 ports.
   */
  readonly portBlocks?: { readonly size: number; readonly perPeer?: number }
  /**
   * Called with a line of JSON, without a line break, as a peer is given a block and as it is taken back; docs/nat.md says
   * what is in it. It tells who was behind an address and port at a time, and nothing of whom they talked to. Must not
   * block; a line at which it throws is lost.
   */
  readonly portBlockLog?: (line: string) => void
  /** Of lines; what is more is lost, and counted. Default 1,000 a second. */
  readonly portBlockLogRate?: TokenBucketOptions
  /** Most sessions at once. Default 65,536; each takes about 270 bytes, at start. */
  readonly sessions?: number
  /** Most sessions of one peer at once. Default a quarter of `sessions`. */
  readonly sessionsPerPeer?: number
  /** Most ports and identifiers of one peer at once, where mapping is not per port. Default a quarter of them, at least 1,024. */
  readonly portsPerPeer?: number
  /** Rate of new sessions of one peer. Default: as many as its other limits allow. */
  readonly newSessionsPerPeer?: TokenBucketOptions
  /** Milliseconds without a packet from the inside after which a session ends. `tcpTransitory` sets opening, closing and reset. */
  readonly timeouts?: Partial<NatTimeouts & { readonly tcpTransitory: number }>
  /** Milliseconds for which a freed endpoint-independent port or identifier rests, and a block. Default 120,000 (RFC 6888 REQ-8). */
  readonly holdDown?: number
  /** To a TCP SYN that is for nobody: nothing (default), or `port-unreachable` after six seconds (RFC 5382 REQ-4). */
  readonly unsolicitedSyn?: 'silent' | 'port-unreachable'
  /**
   * To TCP from the inside that belongs to no session and begins none, as after a restart: `reset` (default), so that
   * applications connect anew at once instead of waiting for answers; no more often than ICMP errors. `drop` where another
   * gateway may have the session, or it may still be imported.
   */
  readonly unknownTcp?: 'drop' | 'reset'
  /** Datagrams in fragments at once, each way; each takes 1 KiB, at start. Default 256; 0 refuses all fragments. */
  readonly fragmentedDatagrams?: number
  /** Of the tunnel, bytes: the TCP MSS is lowered to fit, and what is larger and must not be fragmented is answered. Default 1420. */
  readonly mtu?: number
  /**
   * Default true: this is a router, traceroute shows it, and loops end here. False for a NAT that shall not be seen, or
   * where the kernel behind it is to count as the only hop.
   */
  readonly decrementTtl?: boolean
  /**
   * Called with a line of JSON, without a line break, as each session begins and ends; docs/nat.md says what is in it.
   * Default: none. It says who talked to whom: RFC 6888 REQ-12 advises not to log that unless it is needed. Must not
   * block; a line at which it throws is lost.
   */
  readonly flowLog?: (line: string) => void
  /** Of lines; what is more is lost, and counted. Default 1,000 a second. */
  readonly flowLogRate?: TokenBucketOptions
  readonly name?: string
}
