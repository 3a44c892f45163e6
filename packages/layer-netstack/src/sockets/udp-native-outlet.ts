import {
  AF_INET,
  AF_INET6,
  errnoName,
  IPV6_V6ONLY,
  NAME_WORDS,
  SO_RCVBUF,
  SO_SNDBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_UDP,
  type SystemCalls,
  UDP_GRO,
} from '@millrace/native'
import type { FlowGrant } from './flow-grant.ts'
import { nameSize, writeName } from './native-name.ts'
import type { NativeSender } from './udp-native-sender.ts'
import {
  type OutletBuffers,
  type OutletOwner,
  type OutletRemote,
  RECEIVE_BUFFER,
  type UdpOutlet,
} from './udp-outlet.ts'

/** What a native outlet belongs to. */
export interface NativeOutletParts {
  readonly system: SystemCalls
  readonly sender: NativeSender
  readonly buffers: OutletBuffers
  /** Whether trains come in as they are (UDP_GRO), on outlets to come. */
  trains: boolean
  readonly closed: (outlet: NativeOutlet) => void
}

/** The memory of one socket option, and of one name. */
const VALUE = new Uint8Array(new ArrayBuffer(4))
const NAME = new Int32Array(NAME_WORDS)

/** An outlet by system calls: a descriptor, and what of it waits to be sent. */
export class NativeOutlet implements UdpOutlet {
  readonly grant: FlowGrant
  readonly owner: OutletOwner
  readonly family: 4 | 6
  readonly connectedTo: OutletRemote | undefined
  sent = 0
  received = 0
  fd = -1
  /** Of the sender: the first and last piece that waits, or -1; and whether trains may leave. */
  first = -1
  last = -1
  mayTrain = true
  readonly #parts: NativeOutletParts

  constructor(parts: NativeOutletParts, owner: OutletOwner, grant: FlowGrant, connectTo: OutletRemote | undefined) {
    this.#parts = parts
    this.owner = owner
    this.grant = grant
    this.connectedTo = connectTo
    this.family = grant.egress.family
  }

  /** The name of the system's error if it cannot be. */
  bind(): this | string {
    const { system } = this.#parts
    const domain = this.family === 4 ? AF_INET : AF_INET6
    const fd = system.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if (fd < 0) return errnoName(fd)
    this.#configure(fd)
    const result = this.#name(fd)
    if (result < 0) {
      system.close(fd)
      return errnoName(result)
    }
    this.fd = fd
    return this
  }

  send(bytes: Uint8Array, remote: OutletRemote): string | undefined {
    if (this.fd < 0) return 'udp-socket-closed'
    this.sent += bytes.length
    this.#parts.sender.add(this, bytes, remote)
    return undefined
  }

  close(): void {
    if (this.fd < 0) return
    if (this.first >= 0) this.#parts.sender.flush()
    this.#parts.system.close(this.fd)
    this.#parts.closed(this)
    this.fd = -1
  }

  /** What of this cannot be had, the socket does without. */
  #configure(fd: number): void {
    const { buffers, trains } = this.#parts
    const { receiveBuffer = RECEIVE_BUFFER, sendBuffer } = buffers
    if (this.family === 6) this.#set(fd, SOL_IPV6, IPV6_V6ONLY, 1)
    this.#set(fd, SOL_SOCKET, SO_RCVBUF, receiveBuffer)
    if (sendBuffer !== undefined) this.#set(fd, SOL_SOCKET, SO_SNDBUF, sendBuffer)
    if (trains) this.#set(fd, SOL_UDP, UDP_GRO, 1)
  }

  #name(fd: number): number {
    const { system } = this.#parts
    const size = nameSize(this.family)
    const name = new Uint8Array(NAME.buffer)
    writeName(NAME, 0, this.grant.egress.bytes, this.grant.port)
    const bound = system.bind(fd, system.addressOf(name), size)
    const to = this.connectedTo
    if (bound < 0 || to === undefined) return bound
    writeName(NAME, 0, to.address, to.port)
    return system.connect(fd, system.addressOf(name), size)
  }

  #set(fd: number, level: number, option: number, value: number): void {
    const { system } = this.#parts
    new DataView(VALUE.buffer).setUint32(0, value, true)
    system.setsockopt(fd, level, option, system.addressOf(VALUE), VALUE.length)
  }
}
