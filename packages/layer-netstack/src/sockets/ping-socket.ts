import {
  AF_INET,
  AF_INET6,
  Errno,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  MessageBlock,
  NAME_SIZE,
  NAME_WORDS,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  type SystemCalls,
} from '@millrace/native'
import { echoReplyType, echoRequestType, ICMP_HEADER } from '../icmp/messages.ts'
import { nameSize, writeName } from './native-name.ts'

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
  readonly bytes: Uint8Array = new Uint8Array(LARGEST)
  readonly view: DataView = new DataView(this.bytes.buffer)
  /** Where `bytes` lie. */
  readonly address: number
  /** Of one message, into `bytes`. */
  readonly block: MessageBlock
  /** Whom the last message came from: a socket address. */
  readonly from: Uint8Array
  readonly #to = new Int32Array(NAME_WORDS)
  readonly #toAddress: number

  constructor(system: SystemCalls) {
    this.address = system.addressOf(this.bytes)
    this.#toAddress = system.addressOf(new Uint8Array(this.#to.buffer))
    this.block = new MessageBlock(system, 1, 1)
    this.block.setVector(0, this.address, LARGEST)
    this.block.setVectors(0, 0, 1)
    const { buffer, byteOffset } = this.block.names[0] as Int32Array
    this.from = new Uint8Array(buffer, byteOffset, NAME_SIZE)
  }

  /** Writes a socket address without a port, and returns where it lies. */
  writeName(address: Uint8Array): number {
    writeName(this.#to, 0, address, 0)
    return this.#toAddress
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
    const bound = system.bind(fd, memory.writeName(source), nameSize(family))
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
    view.setUint32(0, echoRequestType(this.#family) << 24)
    view.setUint32(4, sequence)
    bytes.set(payload, ICMP_HEADER)
    const to = this.#memory.writeName(destination)
    return this.#system.sendto(this.fd, address, size, 0, to, nameSize(this.#family))
  }

  /** The next reply that has come in; undefined when there is none. What is no reply is passed over. */
  receive(): PingReply | undefined {
    const { bytes, view, block, from } = this.#memory
    for (;;) {
      block.setNameLength(0, NAME_SIZE)
      if (this.#system.recvmmsg(this.fd, block.address, 1, 0) !== 1) return undefined
      const length = block.received(0)
      if (length < ICMP_HEADER || bytes[0] !== echoReplyType(this.#family)) continue
      return {
        source: this.#family === 4 ? from.subarray(4, 8) : from.subarray(8, 24),
        sequence: view.getUint16(6),
        payload: bytes.subarray(ICMP_HEADER, length),
      }
    }
  }

  close(): void {
    this.#system.close(this.fd)
  }
}

/** Whether this process may send pings: `net.ipv4.ping_group_range` has its group. */
export function canPing(system: SystemCalls): boolean {
  const fd = system.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP)
  if (fd < 0) return false
  system.close(fd)
  return true
}
