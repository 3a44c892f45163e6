import { Errno, errnoName, MessageBlock, NAME_SIZE, SOL_UDP, type SystemCalls, UDP_GRO } from '@millrace/native'
import type { NativeOutlet } from './udp-native-outlet.ts'

/** Messages of one recvmmsg(2), and bytes of each: as much as one that holds several datagrams may have. */
const MESSAGES = 16
const SIZE = 65_536
/** Calls in a row for one outlet. */
const CALLS = 4
// A control message UDP_GRO: struct cmsghdr (length as u64, level, type), then an int.
const GRO_CONTROL = 24
const GRO = 16

/** Receives for all outlets, through the same memory. */
export class NativeReceiver {
  readonly #system: SystemCalls
  readonly #bytes = new Uint8Array(MESSAGES * SIZE)
  readonly #block: MessageBlock
  /** Of each message, where it came from: address of either family, and port. */
  readonly #addresses4: readonly Uint8Array[]
  readonly #addresses6: readonly Uint8Array[]
  readonly #ports: readonly Uint8Array[]

  constructor(system: SystemCalls) {
    this.#system = system
    this.#block = new MessageBlock(system, MESSAGES, MESSAGES)
    const base = system.addressOf(this.#bytes)
    for (let i = 0; i < MESSAGES; i++) {
      this.#block.setVector(i, base + i * SIZE, SIZE)
      this.#block.setVectors(i, i, 1)
      this.#makeReady(i)
    }
    const within = (from: number, length: number): Uint8Array[] =>
      this.#block.names.map(({ buffer, byteOffset }) => new Uint8Array(buffer, byteOffset + from, length))
    this.#ports = within(2, 2)
    this.#addresses4 = within(4, 4)
    this.#addresses6 = within(8, 16)
  }

  /** Hands an outlet's owner what has come in, a bounded number of datagrams; the bytes they have. */
  receive(outlet: NativeOutlet): number {
    let size = 0
    for (let calls = 0; calls < CALLS && outlet.fd >= 0; calls++) {
      const result = this.#system.recvmmsg(outlet.fd, this.#block.address, MESSAGES, 0)
      if (result < 0) {
        if (result === -Errno.EAGAIN || result === -Errno.EINTR) break
        outlet.owner.failed(errnoName(result), outlet.connectedTo, 1)
        continue
      }
      for (let i = 0; i < result; i++) size += this.#take(outlet, i)
      if (result < MESSAGES) break
    }
    return size
  }

  #take(outlet: NativeOutlet, i: number): number {
    const block = this.#block
    const length = Math.min(block.received(i), SIZE)
    const from = (outlet.family === 4 ? this.#addresses4 : this.#addresses6)[i] as Uint8Array
    const port = this.#ports[i] as Uint8Array
    const segment = this.#segmentOf(i)
    const bytes = this.#bytes.subarray(i * SIZE, i * SIZE + length)
    outlet.received += length
    const segmentSize = segment > 0 && segment < length ? segment : 0
    outlet.owner.received(bytes, from, (port[0] as number) * 256 + (port[1] as number), segmentSize)
    this.#makeReady(i)
    return length
  }

  #segmentOf(i: number): number {
    const { view } = this.#block
    if (this.#block.controlLength(i) < GRO + 4) return 0
    const at = this.#block.control(i)
    const isGro = view.getInt32(at + 8, true) === SOL_UDP && view.getInt32(at + 12, true) === UDP_GRO
    return isGro ? view.getInt32(at + GRO, true) : 0
  }

  #makeReady(i: number): void {
    this.#block.setNameLength(i, NAME_SIZE)
    this.#block.setControl(i, 0, GRO_CONTROL)
  }
}
