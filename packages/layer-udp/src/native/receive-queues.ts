import { SO_MEMINFO, SOL_SOCKET, type SystemCalls } from '@millrace/native'
import type { SocketPair } from '../pair.ts'
import type { NativeSocket } from './native-socket.ts'

// SK_MEMINFO_VARS (linux/sock_diag.h).
const RECEIVE_ALLOCATED = 0
const RECEIVE_BUFFER = 1
const DROPS = 8
const VARIABLES = 9

/** What the kernel keeps of our sockets: how full they are, and what was lost at them. */
export class ReceiveQueues {
  /** Of the receive buffer that is fuller, the part that is in use. 0 where the system does not tell. */
  level = 0
  /**
   * Datagrams lost between the last two looks: a buffer was full, a filter did not let them in, a checksum was wrong.
   */
  lost = 0
  readonly #system: SystemCalls
  readonly #pair: SocketPair<NativeSocket>
  readonly #variables = new Uint32Array(VARIABLES)
  readonly #size = new Uint32Array(1)
  readonly #address: number
  readonly #sizeAddress: number
  /** Of IPv4 and IPv6, 32 bits of each. */
  readonly #drops = new Uint32Array(2)

  constructor(system: SystemCalls, pair: SocketPair<NativeSocket>) {
    this.#system = system
    this.#pair = pair
    this.#address = system.addressOf(new Uint8Array(this.#variables.buffer))
    this.#sizeAddress = system.addressOf(new Uint8Array(this.#size.buffer))
  }

  look(): void {
    this.level = 0
    this.lost = this.#lookAt(this.#pair.ipv4, 0) + this.#lookAt(this.#pair.ipv6, 1)
  }

  /** What was lost at it since the last look. */
  #lookAt(socket: NativeSocket | undefined, which: number): number {
    if (socket === undefined) return 0
    this.#size[0] = this.#variables.byteLength
    const result = this.#system.getsockopt(socket.fd, SOL_SOCKET, SO_MEMINFO, this.#address, this.#sizeAddress)
    if (result < 0) return 0
    const [allocated, buffer] = [
      this.#variables[RECEIVE_ALLOCATED] as number,
      this.#variables[RECEIVE_BUFFER] as number,
    ]
    this.level = Math.max(this.level, allocated / buffer)
    const drops = this.#variables[DROPS] as number
    const before = this.#drops[which] as number
    this.#drops[which] = drops
    return (drops - before) >>> 0
  }
}
