import {
  AF_INET,
  AF_INET6,
  Errno,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  type SystemCalls,
} from '@millrace/native'
import { echoReplyType, echoRequestType, ICMP_HEADER } from '../icmp/messages.ts'

// <sys/socket.h>, 64 bits: struct sockaddr_in6 (IPv4: sockaddr_in in it), struct iovec, struct mmsghdr.
const NAME = 0
const NAME_SIZE = { 4: 16, 6: 28 } as const
const VECTOR = 32
const MESSAGE = 48
const TRANSFERRED = MESSAGE + 56
const DATA = 128
const LARGEST = 65_535

/** An echo reply, good until the next is received. */
export interface PingReply {
  /** 4 or 16 bytes. */
  readonly source: Uint8Array
  readonly sequence: number
  readonly payload: Uint8Array
}

/** The memory through which ping sockets send and receive, one message at a time. */
export class PingMemory {
  readonly bytes: Uint8Array = new Uint8Array(DATA + LARGEST)
  readonly view: DataView = new DataView(this.bytes.buffer)
  readonly address: number

  constructor(system: SystemCalls) {
    this.address = system.addressOf(this.bytes)
    this.#point(VECTOR, DATA)
    this.#point(MESSAGE, NAME)
    this.#point(MESSAGE + 16, VECTOR)
    this.view.setUint32(MESSAGE + 24, 1, true)
  }

  #point(at: number, to: number): void {
    this.view.setBigUint64(at, BigInt(this.address + to), true)
  }
}

/**
 * ICMP echo without privileges (Linux, `net.ipv4.ping_group_range`): the kernel sets identifier and checksum, and hands
 * over only the replies to this socket's requests. Calls return negated errnos and never throw.
 */
export class PingSocket {
  readonly fd: number
  readonly #system: SystemCalls
  readonly #family: 4 | 6
  readonly #memory: PingMemory

  /** Bound to a source address of 4 or 16 bytes; or the negated errno for which it cannot be. */
  static open(system: SystemCalls, source: Uint8Array, memory: PingMemory): PingSocket | number {
    const family = source.length === 4 ? 4 : 6
    const [domain, protocol] = family === 4 ? [AF_INET, IPPROTO_ICMP] : [AF_INET6, IPPROTO_ICMPV6]
    const fd = system.socket(domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)
    if (fd < 0) return fd
    const socket = new PingSocket(system, fd, family, memory)
    const bound = system.bind(fd, socket.#name(source), NAME_SIZE[family])
    if (bound >= 0) return socket
    system.close(fd)
    return bound
  }

  private constructor(system: SystemCalls, fd: number, family: 4 | 6, memory: PingMemory) {
    this.#system = system
    this.fd = fd
    this.#family = family
    this.#memory = memory
  }

  /** Sends an echo request. Returns a negated errno, or a number that is not below 0. */
  send(destination: Uint8Array, sequence: number, payload: Uint8Array): number {
    const size = ICMP_HEADER + payload.length
    if (size > LARGEST) return -Errno.EMSGSIZE
    const { bytes, view, address } = this.#memory
    view.setUint32(DATA, echoRequestType(this.#family) << 24)
    view.setUint32(DATA + 4, sequence)
    bytes.set(payload, DATA + ICMP_HEADER)
    const to = this.#name(destination)
    return this.#system.sendto(this.fd, address + DATA, size, 0, to, NAME_SIZE[this.#family])
  }

  /** The next reply that has come in; undefined when there is none. What is no reply is passed over. */
  receive(): PingReply | undefined {
    const { bytes, view, address } = this.#memory
    for (;;) {
      view.setUint32(MESSAGE + 8, NAME_SIZE[6], true)
      view.setUint32(VECTOR + 8, LARGEST, true)
      if (this.#system.recvmmsg(this.fd, address + MESSAGE, 1, 0) !== 1) return undefined
      const length = view.getUint32(TRANSFERRED, true)
      if (length < ICMP_HEADER || bytes[DATA] !== echoReplyType(this.#family)) continue
      return {
        source: this.#family === 4 ? bytes.subarray(NAME + 4, NAME + 8) : bytes.subarray(NAME + 8, NAME + 24),
        sequence: view.getUint16(DATA + 6),
        payload: bytes.subarray(DATA + ICMP_HEADER, DATA + length),
      }
    }
  }

  close(): void {
    this.#system.close(this.fd)
  }

  /** Writes a socket address, and returns where it lies. */
  #name(address: Uint8Array): number {
    const { bytes, view } = this.#memory
    bytes.fill(0, NAME, NAME + NAME_SIZE[6])
    view.setUint16(NAME, this.#family === 4 ? AF_INET : AF_INET6, true)
    bytes.set(address, this.#family === 4 ? NAME + 4 : NAME + 8)
    return this.#memory.address + NAME
  }
}

/** Whether this process may send pings: `net.ipv4.ping_group_range` has its group. */
export function canPing(system: SystemCalls): boolean {
  const fd = system.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP)
  if (fd < 0) return false
  system.close(fd)
  return true
}
