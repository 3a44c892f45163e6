import { Errno } from '../errno.ts'
import { AF_INET, AF_NETLINK, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from '../linux.ts'
import type { SystemCalls } from '../system-calls.ts'
import {
  NETLINK_ROUTE,
  NLM_F_REQUEST,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTMGRP_IPV4_IFADDR,
  RTMGRP_IPV4_ROUTE,
  RTMGRP_IPV4_RULE,
  RTMGRP_IPV6_IFADDR,
  RTMGRP_LINK,
} from './constants.ts'
import { RTA_DST, RTA_MARK, RTA_OIF, RTA_SRC } from './route.ts'

const GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE | RTMGRP_IPV6_IFADDR

// The request: struct nlmsghdr (16), struct rtmsg (12), and three attributes of 4 + 4 bytes.
const REQUEST = 52
const SEQUENCE = 8
const DESTINATION = 32
const SOURCE = 40
const MARK = 48
// Behind it what is received.
const ANSWER = 64
const ATTRIBUTES = 28
const ROOM = 4096
/** Notifications taken in one go, and answers looked through for the right one. */
const TRIES = 1024

/**
 * Notices that links, addresses, IPv4 routes or rules have changed, and asks by which interface an IPv4 packet would
 * leave. It stays in the network namespace in which it was opened. A look-up takes some microseconds, and no memory.
 */
export class RouteWatch {
  /** Can be read when something has changed. */
  readonly fd: number
  readonly #system: SystemCalls
  readonly #lookupFd: number
  readonly #bytes = new Uint8Array(ANSWER + ROOM)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #address: number
  #sequence = 0

  private constructor(system: SystemCalls, fd: number, lookupFd: number) {
    this.#system = system
    this.#address = system.addressOf(this.#bytes)
    this.fd = fd
    this.#lookupFd = lookupFd
    const view = this.#view
    view.setUint32(0, REQUEST, true)
    view.setUint16(4, RTM_GETROUTE, true)
    view.setUint16(6, NLM_F_REQUEST, true)
    this.#bytes.set([AF_INET, 32, 32], 16)
    for (const [at, type] of [
      [DESTINATION, RTA_DST],
      [SOURCE, RTA_SRC],
      [MARK, RTA_MARK],
    ] as const) {
      view.setUint16(at - 4, 8, true)
      view.setUint16(at - 2, type, true)
    }
  }

  /** Undefined where the kernel does not let us: then nothing is known, and nothing ever seems to change. */
  static open(system: SystemCalls): RouteWatch | undefined {
    const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK
    const fd = system.socket(AF_NETLINK, type, NETLINK_ROUTE)
    const lookupFd = system.socket(AF_NETLINK, type, NETLINK_ROUTE)
    // struct sockaddr_nl: family, padding, port (the kernel chooses), groups.
    const name = Uint8Array.of(AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    new DataView(name.buffer).setUint32(8, GROUPS, true)
    if (fd >= 0 && lookupFd >= 0 && system.bind(fd, system.addressOf(name), name.length) === 0) {
      return new RouteWatch(system, fd, lookupFd)
    }
    if (fd >= 0) system.close(fd)
    if (lookupFd >= 0) system.close(lookupFd)
    return undefined
  }

  /** Whether anything has changed since the last call. */
  changed(): boolean {
    let changed = false
    for (let i = 0; i < TRIES; i++) {
      const result = this.#system.recv(this.fd, this.#address + ANSWER, ROOM, MSG_DONTWAIT)
      if (result === -Errno.EAGAIN) break
      // ENOBUFS: more has changed than the queue could hold.
      changed = true
    }
    return changed
  }

  /**
   * Index of the interface by which a packet from `source` to `destination` (IPv4, 4 bytes in the order of the network
   * read as a little-endian number) would leave now; a negated errno if it would not (no route, a source that is not ours),
   * and 0 if the kernel does not say.
   */
  interfaceTo(destination: number, source: number, mark: number): number {
    const view = this.#view
    this.#sequence = (this.#sequence + 1) >>> 0
    view.setUint32(SEQUENCE, this.#sequence, true)
    view.setInt32(DESTINATION, destination, true)
    view.setInt32(SOURCE, source, true)
    view.setUint32(MARK, mark, true)
    const sent = this.#system.sendto(this.#lookupFd, this.#address, REQUEST, 0, 0, 0)
    if (sent < 0) return 0
    for (let i = 0; i < TRIES; i++) {
      const size = this.#system.recv(this.#lookupFd, this.#address + ANSWER, ROOM, MSG_DONTWAIT)
      if (size < 0) return 0
      if (size >= 20 && view.getUint32(ANSWER + SEQUENCE, true) === this.#sequence) return this.#outgoing(size)
    }
    return 0
  }

  close(): void {
    this.#system.close(this.fd)
    this.#system.close(this.#lookupFd)
  }

  /** RTA_OIF of the route, or the errno behind the header of NLMSG_ERROR. */
  #outgoing(size: number): number {
    const view = this.#view
    if (view.getUint16(ANSWER + 4, true) !== RTM_NEWROUTE) return view.getInt32(ANSWER + 16, true)
    const end = ANSWER + size
    for (let at = ANSWER + ATTRIBUTES; at + 8 <= end; ) {
      const length = view.getUint16(at, true)
      if (length < 4) break
      if (view.getUint16(at + 2, true) === RTA_OIF) return view.getInt32(at + 4, true)
      at += (length + 3) & ~3
    }
    return 0
  }
}
