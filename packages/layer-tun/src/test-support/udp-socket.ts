import { parseAddress } from '@millrace/core'
import {
  AF_INET,
  AF_INET6,
  errnoName,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_UDP,
  UDP_SEGMENT,
} from '@millrace/native'
import { nativeSystem } from '@millrace/native/testing'

/** A UDP socket in the network namespace that this thread is in when it is made, bound to an address. */
export class UdpSocket {
  readonly #system = nativeSystem()
  readonly #fd: number
  readonly #buffer = new Uint8Array(65_536)

  constructor(address: string, port: number) {
    const family = parseAddress(address).family === 4 ? AF_INET : AF_INET6
    this.#fd = this.#check(this.#system.socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
    const name = nameOf(address, port)
    this.#check(this.#system.bind(this.#fd, this.#system.addressOf(name), name.length))
  }

  /** Sends datagrams of `size` bytes, the last one shorter, as one packet of the kernel's (UDP_SEGMENT). */
  sendSegments(bytes: Uint8Array, size: number, address: string, port: number): void {
    const option = Uint8Array.of(size & 0xff, size >> 8, 0, 0)
    const system = this.#system
    this.#check(system.setsockopt(this.#fd, SOL_UDP, UDP_SEGMENT, system.addressOf(option), 4))
    const name = nameOf(address, port)
    this.#buffer.set(bytes)
    const from = system.addressOf(this.#buffer)
    this.#check(system.sendto(this.#fd, from, bytes.length, 0, system.addressOf(name), name.length))
  }

  /** The next datagram, undefined if there is none. */
  receive(): Uint8Array | undefined {
    const size = this.#system.recv(this.#fd, this.#system.addressOf(this.#buffer), this.#buffer.length, 0)
    return size < 0 ? undefined : this.#buffer.slice(0, size)
  }

  close(): void {
    this.#system.close(this.#fd)
  }

  #check(result: number): number {
    if (result < 0) throw new Error(`UDP socket: ${errnoName(result)}`)
    return result
  }
}

/** struct sockaddr_in or sockaddr_in6. */
function nameOf(address: string, port: number): Uint8Array {
  const { family, bytes } = parseAddress(address)
  const name = new Uint8Array(family === 4 ? 16 : 28)
  const view = new DataView(name.buffer)
  view.setUint16(0, family === 4 ? AF_INET : AF_INET6, true)
  view.setUint16(2, port)
  name.set(bytes, family === 4 ? 4 : 8)
  return name
}
