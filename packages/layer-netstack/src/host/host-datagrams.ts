import type { Clock, IcmpErrorKind, Random } from '@millrace/core'
import type { StackSurroundings } from '../surroundings.ts'
import type { DatagramListener, UdpRemote } from '../udp/listener.ts'
import { UdpPorts } from '../udp/udp-ports.ts'
import { EphemeralPorts } from './ephemeral-ports.ts'
import type { HostAddresses } from './host-addresses.ts'
import type { Notice, Notices } from './notices.ts'
import { type SocketErrorCode, socketError } from './socket-error.ts'

/** Who has a port. */
export interface DatagramOwner extends Notice {
  /** Takes a datagram, whose bytes are good until this returns. Returns why not, or undefined. */
  take(remote: UdpRemote, bytes: Uint8Array): string | undefined
  failed(code: SocketErrorCode, remote: UdpRemote): void
  close(): void
}

export interface DatagramSurroundings extends StackSurroundings {
  readonly addresses: HostAddresses
  readonly notices: Notices
  readonly clock: Clock
  readonly random: Random
  /** Has it sent soon what there is to send. */
  readonly wake: () => void
}

/** A port of one or all of the host's addresses, and the handle of each. */
export interface BoundPort {
  readonly port: number
  readonly handles: readonly number[]
}

/** The UDP ports of a host, and who has them. */
export class HostDatagrams implements DatagramListener {
  readonly ports: UdpPorts
  readonly notices: Notices
  readonly #addresses: HostAddresses
  readonly #clock: Clock
  readonly #random: EphemeralPorts
  readonly #wake: () => void
  readonly #owners = new Map<number, DatagramOwner>()

  constructor(mtu: number, surroundings: DatagramSurroundings) {
    this.ports = new UdpPorts({ mtu, ports: 16_384 }, surroundings, this)
    this.notices = surroundings.notices
    this.#addresses = surroundings.addresses
    this.#clock = surroundings.clock
    this.#random = new EphemeralPorts(surroundings.random)
    this.#wake = surroundings.wake
  }

  /** Binds `port`, or with 0 one drawn at random, of all `addresses`. Throws a SocketError. */
  bind(owner: DatagramOwner, addresses: readonly Uint8Array[], port: number): BoundPort {
    let bound = port === 0 ? undefined : this.#bindAll(owner, addresses, port)
    if (port === 0) {
      this.#random.drawn((drawn) => {
        bound = this.#bindAll(owner, addresses, drawn)
        return bound !== undefined
      })
    }
    if (bound === undefined) throw socketError('EADDRINUSE', 'bind')
    return bound
  }

  /** Throws a SocketError if there is no way there, it is too large or there is no memory. */
  send(bound: BoundPort, address: Uint8Array, port: number, bytes: Uint8Array): void {
    if (!this.#addresses.reaches(address)) throw socketError('EHOSTUNREACH', 'send')
    const handle = bound.handles.find((each) => this.ports.local(each)?.address.length === address.length)
    if (handle === undefined) throw socketError('EHOSTUNREACH', 'send')
    const reason = this.ports.send(handle, address, port, bytes, this.#clock.now())
    this.#wake()
    if (reason === undefined) return
    if (reason === 'pool-empty') throw socketError('ENOBUFS', 'send')
    throw socketError(reason === 'udp-too-long' ? 'EMSGSIZE' : 'EHOSTUNREACH', 'send')
  }

  close({ handles }: BoundPort): void {
    for (const handle of handles) {
      this.ports.close(handle)
      this.#owners.delete(handle)
    }
  }

  closeAll(): void {
    for (const owner of new Set(this.#owners.values())) owner.close()
  }

  datagram(handle: number, remote: UdpRemote, bytes: Uint8Array): string | undefined {
    return this.#owners.get(handle)?.take(remote, bytes)
  }

  error(handle: number, kind: IcmpErrorKind, remote: UdpRemote): void {
    // A smaller MTU is taken into account already.
    if (kind === 'packet-too-big') return
    this.#owners.get(handle)?.failed(kind === 'port-unreachable' ? 'ECONNREFUSED' : 'EHOSTUNREACH', remote)
  }

  /** The port of all addresses, or of none. */
  #bindAll(owner: DatagramOwner, addresses: readonly Uint8Array[], port: number): BoundPort | undefined {
    const handles: number[] = []
    for (const address of addresses) {
      const handle = this.ports.bind({ address, port })
      if (handle < 0) {
        this.close({ port, handles })
        return undefined
      }
      handles.push(handle)
      this.#owners.set(handle, owner)
    }
    return { port, handles }
  }
}
