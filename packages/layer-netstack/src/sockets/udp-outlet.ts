import type { FlowGrant } from './flow-grant.ts'

/** What an outlet tells its owner. */
export interface OutletOwner {
  /**
   * `bytes`, good until this returns, came from `address` (4 or 16 bytes) and `port`; with a `segmentSize`, they are several
   * datagrams of that size, of which the last may be shorter.
   */
  received(bytes: Uint8Array, address: Uint8Array, port: number, segmentSize: number): void
  /**
   * So many datagrams did not go out, or something sent did not arrive; `to` is where, if the system says so. None of them
   * if there is no outlet at all, because the system does not let it be connected.
   */
  failed(code: string, to: OutletRemote | undefined, datagrams: number): void
}

export interface OutletRemote {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly port: number
}

/**
 * A UDP socket bound to the address and port of its grant. It takes datagrams of anybody; connected to a remote end it
 * takes only those of that one, and the system tells when they do not arrive.
 */
export interface UdpOutlet {
  readonly grant: FlowGrant
  /** Bytes. */
  readonly sent: number
  readonly received: number
  /** Sends `bytes`, which stay as they are until the next `flush`. Returns why not, or undefined. */
  send(bytes: Uint8Array, remote: OutletRemote): string | undefined
  close(): void
}

/** Of each socket in the system, bytes; undefined leaves it to us. */
export interface OutletBuffers {
  readonly receiveBuffer: number | undefined
  readonly sendBuffer: number | undefined
}

/** Why there is no outlet: see `FlowRefusal` for the last two, which are nobody's fault. */
export type OutletRefusal = 'egress-address-failed' | 'udp-socket-failed' | 'ports-exhausted' | 'descriptors-exhausted'

/** Where outlets come from. */
export interface UdpOutlets {
  open(
    owner: OutletOwner,
    grant: FlowGrant,
    connectTo: OutletRemote | undefined,
    now: number,
  ): UdpOutlet | OutletRefusal
  /** From now on several datagrams may come in at once, where the system can. */
  receiveTrains(): void
  /** Sees to it that all that was given to outlets is sent, or need not stay as it is any longer. */
  flush(): void
  /** Resolves when the sockets of all outlets are closed; they have been told to. */
  stop(): Promise<void>
}

/** Source ports tried: one may be another program's. */
const PORT_TRIES = 8
/** Of a gateway's socket: what the system gives by itself a burst of a hundred datagrams fills, and costs nothing empty. */
export const RECEIVE_BUFFER: number = 1 << 20

/** Whose a socket is to be, and to whom it is to be connected, if to anybody. */
export interface OutletEnds {
  readonly owner: OutletOwner
  readonly grant: FlowGrant
  readonly connectTo: OutletRemote | undefined
}

/**
 * What `bind` makes on a port of the grant; or why that cannot be, of which the owner hears what the system says of the
 * destination. `bind` returns the name of the system's error if it fails.
 */
export function bindTo<T extends object>(
  { owner, grant, connectTo }: OutletEnds,
  now: number,
  bind: () => T | string,
): T | OutletRefusal {
  for (let tries = 1; ; tries++) {
    const bound = bind()
    if (typeof bound !== 'string') return bound
    if (bound === 'EADDRNOTAVAIL') {
      grant.addressFailed(bound, now)
      return 'egress-address-failed'
    }
    if (bound === 'EMFILE' || bound === 'ENFILE') return 'descriptors-exhausted'
    if (bound !== 'EADDRINUSE') {
      owner.failed(bound, connectTo, 0)
      return 'udp-socket-failed'
    }
    if (tries === PORT_TRIES || !grant.anotherPort(now)) return 'ports-exhausted'
  }
}
