import { IP_PKTINFO, IP_TOS, IPV6_PKTINFO, IPV6_TCLASS, SOL_IP, SOL_IPV6, type SystemCalls } from '@millrace/native'
import { isLinkLocal, LOCAL_WORDS, NAME_WORDS, type NativeAddress, type NativeLocal } from './addresses.ts'

// <sys/socket.h>, 64 bits: struct msghdr, two struct iovec, struct sockaddr_in6, and control messages behind them.
const NAME_LENGTH = 8
const VECTORS = 16
const VECTOR_COUNT = 24
const CONTROL = 32
const CONTROL_LENGTH = 40
const VECTOR = 56
const NAME = 88
const NAME_SIZE_IPV4 = 16
const NAME_SIZE = 28
const BUFFER = 120
const BUFFER_SIZE = 104
// struct cmsghdr: length as u64, level, type; data behind it, aligned to 8.
const CMSG_HEADER = 16
const IN_PKTINFO = 12
const IN_PKTINFO_SOURCE = 4
const IN6_PKTINFO = 20
const IN6_PKTINFO_INTERFACE = 16

/** One struct msghdr and all that it points to, made once and filled anew for each call. */
class Message {
  readonly address: number
  readonly bytes = new Uint8Array(BUFFER + BUFFER_SIZE)
  readonly view: DataView = new DataView(this.bytes.buffer)
  /** The words of the socket address. */
  readonly name: Int32Array = new Int32Array(this.bytes.buffer, NAME, NAME_WORDS)

  constructor(system: SystemCalls) {
    this.address = system.addressOf(this.bytes)
    this.pointer(0, this.address + NAME)
    this.pointer(VECTORS, this.address + VECTOR)
    this.pointer(CONTROL, this.address + BUFFER)
  }

  /** A u64 without a BigInt: below 2^53, as every address of a process is. */
  pointer(at: number, value: number): void {
    this.view.setUint32(at, value >>> 0, true)
    this.view.setUint32(at + 4, value / 0x1_0000_0000, true)
  }

  vector(index: number, address: number, size: number): void {
    this.pointer(VECTOR + index * 16, address)
    this.view.setUint32(VECTOR + index * 16 + 8, size, true)
  }
}

/** Receives one datagram at a time by recvmsg(2). */
export class Receiver {
  /** Whom the last one came from, as a struct sockaddr_in or sockaddr_in6. */
  readonly name: Int32Array
  /** Where it came in: address and interface. */
  readonly local: Int32Array = new Int32Array(LOCAL_WORDS)
  /** DSCP and ECN of the last one. */
  trafficClass = 0
  readonly #system: SystemCalls
  readonly #message: Message

  constructor(system: SystemCalls) {
    this.#system = system
    this.#message = new Message(system)
    this.name = this.#message.name
    this.#message.view.setUint32(VECTOR_COUNT, 2, true)
  }

  /** Fills `size` bytes at `address` and, with what is left, `spillSize` bytes at `spill`. The length, or a negated errno. */
  receive(fd: number, address: number, size: number, spill: number, spillSize: number): number {
    const { view } = this.#message
    this.#message.vector(0, address, size)
    this.#message.vector(1, spill, spillSize)
    view.setUint32(NAME_LENGTH, NAME_SIZE, true)
    view.setUint32(CONTROL_LENGTH, BUFFER_SIZE, true)
    const result = this.#system.recvmsg(fd, this.#message.address, 0)
    if (result >= 0) this.#readAddresses()
    return result
  }

  #readAddresses(): void {
    const { name, local } = this
    const { view } = this.#message
    // What lies behind a shorter name is left from an earlier one; a flow label is no part of an address.
    if (view.getUint32(NAME_LENGTH, true) <= NAME_SIZE_IPV4) name.fill(0, 2)
    else name[1] = 0
    local.fill(0)
    this.trafficClass = 0
    const end = BUFFER + Math.min(view.getUint32(CONTROL_LENGTH, true), BUFFER_SIZE)
    for (let at = BUFFER; at + CMSG_HEADER <= end; ) {
      const length = view.getUint32(at, true)
      if (length < CMSG_HEADER || at + length > end) break
      this.#readControl(view.getInt32(at + 8, true), view.getInt32(at + 12, true), at + CMSG_HEADER)
      at += (length + 7) & ~7
    }
  }

  #readControl(level: number, type: number, at: number): void {
    const { local } = this
    const { view } = this.#message
    if (level === SOL_IP && type === IP_PKTINFO) {
      local[0] = view.getInt32(at + IN_PKTINFO_SOURCE, true)
      local[4] = view.getInt32(at, true)
    } else if (level === SOL_IPV6 && type === IPV6_PKTINFO) {
      for (let i = 0; i < LOCAL_WORDS; i++) local[i] = view.getInt32(at + i * 4, true)
    } else if ((level === SOL_IP && type === IP_TOS) || (level === SOL_IPV6 && type === IPV6_TCLASS)) {
      // A byte for the one and an int for the other: little endian, the first byte is the value either way.
      this.trafficClass = view.getUint8(at)
    }
  }
}

/** Sends one datagram at a time by sendmsg(2). */
export class Sender {
  readonly #system: SystemCalls
  readonly #message: Message

  constructor(system: SystemCalls) {
    this.#system = system
    this.#message = new Message(system)
    this.#message.view.setUint32(VECTOR_COUNT, 1, true)
  }

  /** Sends `size` bytes at `address`, from `source` or from where the system likes. Below 0: a negated errno. */
  send(
    fd: number,
    address: number,
    size: number,
    remote: NativeAddress,
    source: NativeLocal | undefined,
    trafficClass: number,
  ): number {
    const message = this.#message
    const { words } = remote
    for (let i = 0; i < NAME_WORDS; i++) message.name[i] = words[i] as number
    message.view.setUint32(NAME_LENGTH, remote.family === 4 ? NAME_SIZE_IPV4 : NAME_SIZE, true)
    message.vector(0, address, size)
    const control = source === undefined ? 0 : this.#writeSource(source)
    const classLength = trafficClass === 0 ? 0 : this.#writeTrafficClass(control, remote.family, trafficClass)
    message.view.setUint32(CONTROL_LENGTH, control + classLength, true)
    return this.#system.sendmsg(fd, message.address, 0)
  }

  #writeTrafficClass(offset: number, family: 4 | 6, trafficClass: number): number {
    const { view } = this.#message
    const at = BUFFER + offset
    view.setUint32(at, CMSG_HEADER + 4, true)
    view.setInt32(at + 8, family === 4 ? SOL_IP : SOL_IPV6, true)
    view.setInt32(at + 12, family === 4 ? IP_TOS : IPV6_TCLASS, true)
    view.setInt32(at + CMSG_HEADER, trafficClass, true)
    return (CMSG_HEADER + 4 + 7) & ~7
  }

  /**
   * struct in_pktinfo or in6_pktinfo. The interface is left to the routing table, as the kernel's own WireGuard leaves it,
   * but for link-local addresses, which mean nothing without one.
   */
  #writeSource(source: NativeLocal): number {
    const { view, bytes } = this.#message
    const { words, family } = source
    const size = CMSG_HEADER + (family === 4 ? IN_PKTINFO : IN6_PKTINFO)
    const data = BUFFER + CMSG_HEADER
    view.setUint32(BUFFER, size, true)
    view.setInt32(BUFFER + 8, family === 4 ? SOL_IP : SOL_IPV6, true)
    view.setInt32(BUFFER + 12, family === 4 ? IP_PKTINFO : IPV6_PKTINFO, true)
    if (family === 4) {
      view.setInt32(data, 0, true)
      view.setInt32(data + IN_PKTINFO_SOURCE, words[0] as number, true)
      view.setInt32(data + IN_PKTINFO_SOURCE + 4, 0, true)
    } else {
      for (let i = 0; i < 4; i++) view.setInt32(data + i * 4, words[i] as number, true)
      view.setInt32(data + IN6_PKTINFO_INTERFACE, isLinkLocal(bytes, data) ? (words[4] as number) : 0, true)
    }
    return (size + 7) & ~7
  }
}
