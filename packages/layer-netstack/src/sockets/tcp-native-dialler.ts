import {
  AF_INET,
  AF_INET6,
  Errno,
  errnoName,
  IPV6_V6ONLY,
  NAME_WORDS,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  type SystemCalls,
  TCP_KEEPIDLE,
  TCP_NODELAY,
} from '@millrace/native'
import type { FlowGrant } from './flow-grant.ts'
import { nameSize, writeName } from './native-name.ts'
import type { DialFailure } from './tcp-outlet.ts'

/** Seconds: MAX_TCP_KEEPIDLE of <net/tcp.h>. */
const LONGEST_IDLE = 32_767

/** Opens and ends TCP sockets by system calls. None of it blocks. */
export class NativeDialler {
  readonly #system: SystemCalls
  readonly #keepaliveSeconds: number
  readonly #name = new Int32Array(NAME_WORDS)
  readonly #nameAddress: number
  /** An option's value, and its size. */
  readonly #value = new Int32Array(3)
  readonly #valueAddress: number

  /** `keepaliveIdle` in milliseconds, 0 for none. */
  constructor(system: SystemCalls, keepaliveIdle: number) {
    this.#system = system
    const seconds = Math.min(Math.max(Math.floor(keepaliveIdle / 1000), 1), LONGEST_IDLE)
    this.#keepaliveSeconds = keepaliveIdle === 0 ? 0 : seconds
    this.#nameAddress = system.addressOf(new Uint8Array(this.#name.buffer))
    this.#valueAddress = system.addressOf(new Uint8Array(this.#value.buffer))
  }

  /** A descriptor that is connecting, bound to the address and port of the grant. */
  dial({ egress, port, request }: FlowGrant): number | DialFailure {
    const system = this.#system
    const domain = egress.family === 4 ? AF_INET : AF_INET6
    const fd = system.socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if (fd < 0) return { code: errnoName(fd), isAddress: false }
    // A port is ours for one destination: others may have it too (TIME-WAIT among them), as long as nobody listens on it.
    this.#set(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (egress.family === 6) this.#set(fd, SOL_IPV6, IPV6_V6ONLY, 1)
    const size = nameSize(egress.family)
    writeName(this.#name, 0, egress.bytes, port)
    const bound = system.bind(fd, this.#nameAddress, size)
    if (bound < 0) return this.#fail(fd, bound, bound === -Errno.EADDRNOTAVAIL)
    this.#set(fd, SOL_TCP, TCP_NODELAY, 1)
    writeName(this.#name, 0, request.destination, request.port)
    const connecting = system.connect(fd, this.#nameAddress, size)
    return connecting < 0 && connecting !== -Errno.EINPROGRESS ? this.#fail(fd, connecting, false) : fd
  }

  /** The connection stands. */
  keepAlive(fd: number): void {
    if (this.#keepaliveSeconds === 0) return
    this.#set(fd, SOL_SOCKET, SO_KEEPALIVE, 1)
    this.#set(fd, SOL_TCP, TCP_KEEPIDLE, this.#keepaliveSeconds)
  }

  /** Why a descriptor has failed, an errno; 0 if it has not. It is told once. */
  errorOf(fd: number): number {
    this.#value[2] = 4
    const result = this.#system.getsockopt(fd, SOL_SOCKET, SO_ERROR, this.#valueAddress, this.#valueAddress + 8)
    return result < 0 ? -result : (this.#value[0] as number)
  }

  /** Closes it with a RST. */
  reset(fd: number): void {
    // struct linger: on, and no seconds.
    this.#value[0] = 1
    this.#value[1] = 0
    this.#system.setsockopt(fd, SOL_SOCKET, SO_LINGER, this.#valueAddress, 8)
    this.#system.close(fd)
  }

  #fail(fd: number, result: number, isAddress: boolean): DialFailure {
    this.#system.close(fd)
    return { code: errnoName(result), isAddress }
  }

  #set(fd: number, level: number, option: number, value: number): void {
    this.#value[0] = value
    this.#system.setsockopt(fd, level, option, this.#valueAddress, 4)
  }
}
