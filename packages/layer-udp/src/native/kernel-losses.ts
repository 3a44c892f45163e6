import { SO_MEMINFO, SOL_SOCKET, type SystemCalls } from '@millrace/native'
import type { SocketPair } from '../pair.ts'
import type { NativeSocket } from './native-socket.ts'

/** SK_MEMINFO_DROPS of SK_MEMINFO_VARS (linux/sock_diag.h). */
const DROPS = 8
const VARIABLES = 9

/** Datagrams that the kernel lost at our sockets: a buffer was full, a filter did not let them in, a checksum was wrong. */
export class KernelLosses {
  readonly #system: SystemCalls
  readonly #pair: SocketPair<NativeSocket>
  readonly #variables = new Uint32Array(VARIABLES)
  readonly #size = new Uint32Array(1)
  readonly #address: number
  readonly #sizeAddress: number
  #counted = 0

  constructor(system: SystemCalls, pair: SocketPair<NativeSocket>) {
    this.#system = system
    this.#pair = pair
    this.#address = system.addressOf(new Uint8Array(this.#variables.buffer))
    this.#sizeAddress = system.addressOf(new Uint8Array(this.#size.buffer))
  }

  /** How many more since the last time. */
  take(): number {
    const { ipv4, ipv6 } = this.#pair
    const lost = (this.#of(ipv4) + this.#of(ipv6)) >>> 0
    const more = (lost - this.#counted) >>> 0
    this.#counted = lost
    return more
  }

  #of(socket: NativeSocket | undefined): number {
    if (socket === undefined) return 0
    this.#size[0] = this.#variables.byteLength
    const result = this.#system.getsockopt(socket.fd, SOL_SOCKET, SO_MEMINFO, this.#address, this.#sizeAddress)
    return result < 0 ? 0 : (this.#variables[DROPS] as number)
  }
}
