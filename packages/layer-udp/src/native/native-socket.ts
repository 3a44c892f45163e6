import { EnvironmentError, parseAddress } from '@millrace/core'
import {
  AF_INET,
  AF_INET6,
  Errno,
  errnoName,
  IP_PKTINFO,
  IP_RECVTOS,
  IPV6_RECVPKTINFO,
  IPV6_RECVTCLASS,
  IPV6_V6ONLY,
  SO_MARK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_UDP,
  type SystemCalls,
  UDP_GRO,
  UDP_SEGMENT,
} from '@millrace/native'
import { systemError } from '../errors.ts'
import type { BoundSocket } from '../pair.ts'
import { SOCKET_BUFFER } from '../wire.ts'
import type { Interfaces } from './addresses.ts'

// struct sockaddr_in and sockaddr_in6
const NAME_IPV4 = 16
const NAME_IPV6 = 28
// <linux/sockios.h>, and struct ifreq: a name of 16 bytes, then the index.
const SIOCGIFNAME = 0x8910
const SIOCGIFINDEX = 0x8933
const IFREQ = 40
const IFREQ_INDEX = 16

/** A UDP socket of one family, non-blocking, that says where each datagram came in. */
export class NativeSocket implements BoundSocket, Interfaces {
  readonly family: 4 | 6
  readonly fd: number
  readonly port: number
  /** Whether several datagrams may leave as one train (UDP_SEGMENT). False once the system has refused it. */
  segmentation = false
  /** Whether several datagrams come in as one train (UDP_GRO). */
  trains = false
  readonly #system: SystemCalls

  private constructor(system: SystemCalls, family: 4 | 6, fd: number, port: number) {
    this.#system = system
    this.family = family
    this.fd = fd
    this.port = port
  }

  /** Throws the system's error, or an EnvironmentError if the mark is what cannot be. */
  static bind(system: SystemCalls, mark: number, family: 4 | 6, port: number, address?: string): NativeSocket {
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC
    const fd = check('socket', system.socket(family === 4 ? AF_INET : AF_INET6, type, 0))
    try {
      if (mark !== 0) setMark(system, fd, mark)
      if (family === 6) check('setsockopt', set(system, fd, SOL_IPV6, IPV6_V6ONLY, 1))
      if (family === 6) check('setsockopt', set(system, fd, SOL_IPV6, IPV6_RECVPKTINFO, 1))
      else check('setsockopt', set(system, fd, SOL_IP, IP_PKTINFO, 1))
      if (family === 6) check('setsockopt', set(system, fd, SOL_IPV6, IPV6_RECVTCLASS, 1))
      else check('setsockopt', set(system, fd, SOL_IP, IP_RECVTOS, 1))
      // The first is cut to net.core.rmem_max and wmem_max; the second is not, but needs CAP_NET_ADMIN.
      for (const option of [SO_RCVBUF, SO_SNDBUF, SO_RCVBUFFORCE, SO_SNDBUFFORCE]) {
        set(system, fd, SOL_SOCKET, option, SOCKET_BUFFER)
      }
      const name = nameOf(family, port, address)
      check('bind', system.bind(fd, system.addressOf(name), name.length))
      const size = Uint8Array.of(name.length, 0, 0, 0)
      check('getsockname', system.getsockname(fd, system.addressOf(name), system.addressOf(size)))
      return new NativeSocket(system, family, fd, new DataView(name.buffer).getUint16(2))
    } catch (error) {
      system.close(fd)
      throw error
    }
  }

  setMark(mark: number): void {
    setMark(this.#system, this.fd, mark)
  }

  /** Sets `segmentation` if the kernel knows it (Linux 4.18). */
  probeSegmentation(): void {
    this.segmentation = set(this.#system, this.fd, SOL_UDP, UDP_SEGMENT, 0) >= 0
  }

  /** From now on trains come in as they are (UDP_GRO), if the kernel can. */
  receiveTrains(): void {
    this.trains = set(this.#system, this.fd, SOL_UDP, UDP_GRO, 1) >= 0
  }

  /** Whether trains come in as they are. Otherwise the kernel takes them apart, before its filter sees them. */
  letTrainsIn(may: boolean): void {
    set(this.#system, this.fd, SOL_UDP, UDP_GRO, may ? 1 : 0)
  }

  nameOf(index: number): string {
    const request = new Uint8Array(IFREQ)
    new DataView(request.buffer).setInt32(IFREQ_INDEX, index, true)
    if (this.#system.ioctl(this.fd, SIOCGIFNAME, this.#system.addressOf(request)) < 0) return ''
    return Buffer.from(request.subarray(0, request.indexOf(0))).toString('latin1')
  }

  indexOf(name: string): number {
    const request = new Uint8Array(IFREQ)
    request.set(Buffer.from(name, 'latin1').subarray(0, IFREQ_INDEX - 1))
    if (this.#system.ioctl(this.fd, SIOCGIFINDEX, this.#system.addressOf(request)) < 0) return 0
    return new DataView(request.buffer).getInt32(IFREQ_INDEX, true)
  }

  close(): void {
    this.#system.close(this.fd)
  }
}

function nameOf(family: 4 | 6, port: number, address: string | undefined): Uint8Array {
  const name = new Uint8Array(family === 4 ? NAME_IPV4 : NAME_IPV6)
  name.set([family === 4 ? AF_INET : AF_INET6, 0, port >> 8, port & 0xff])
  if (address !== undefined) name.set(parseAddress(address, 'udp address').bytes, family === 4 ? 4 : 8)
  return name
}

function setMark(system: SystemCalls, fd: number, mark: number): void {
  const result = set(system, fd, SOL_SOCKET, SO_MARK, mark)
  if (result === -Errno.EPERM) {
    throw new EnvironmentError('udp mark: needs root (CAP_NET_ADMIN); run it as root or with that capability')
  }
  if (result < 0) throw new EnvironmentError(`udp mark: this system cannot mark what it sends (${errnoName(result)})`)
}

function set(system: SystemCalls, fd: number, level: number, option: number, value: number): number {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return system.setsockopt(fd, level, option, system.addressOf(bytes), 4)
}

function check(call: string, result: number): number {
  if (result < 0) throw systemError(call, result)
  return result
}
