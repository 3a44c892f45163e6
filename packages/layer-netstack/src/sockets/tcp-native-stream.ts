import { IoVectors, type SystemCalls } from '@millrace/native'
import { Pieces } from '../tcp/pieces.ts'
import { CHUNK } from '../tcp/slab.ts'
import type { Tcp } from '../tcp/tcp.ts'

/** Bytes received in one call: less costs calls, more does not stay in the cache until it is sent. */
const RECEIVED = 131_072
/** Pieces of one call: what is received begins and ends inside of a chunk. */
const PIECES = 2 + RECEIVED / CHUNK

/** Result of `receive` when the TCP takes nothing now; all other negative ones are a negated errno. */
export const NO_ROOM: number = Number.NEGATIVE_INFINITY

/** Moves bytes between sockets and the buffers of the TCP, without another copy. */
export class NativeStream {
  readonly tcp: Tcp
  readonly #system: SystemCalls
  readonly #base: number
  readonly #pieces = new Pieces(PIECES)
  readonly #vectors: IoVectors
  /** Bytes that the last call was about. */
  #wanted = 0

  constructor(system: SystemCalls, tcp: Tcp) {
    this.tcp = tcp
    this.#system = system
    this.#base = system.addressOf(tcp.memory)
    this.#vectors = new IoVectors(system, PIECES)
  }

  /** Bytes that have come in and are to be sent to the client now; 0 at the end of the stream. */
  receive(fd: number, handle: number): number {
    const { tcp } = this
    this.#pieces.count = 0
    this.#wanted = tcp.reserve(handle, RECEIVED, this.#pieces)
    if (this.#wanted === 0) return NO_ROOM
    const received = this.#system.readv(fd, this.#fill(), this.#pieces.count)
    tcp.commit(handle, Math.max(received, 0))
    return received
  }

  /** Bytes of the client's that the system has taken; 0 when there are none. */
  send(fd: number, handle: number): number {
    const { tcp } = this
    this.#pieces.count = 0
    this.#wanted = tcp.locate(handle, this.#pieces)
    if (this.#wanted === 0) return 0
    const sent = this.#system.writev(fd, this.#fill(), this.#pieces.count)
    if (sent > 0) tcp.consume(handle, sent)
    return sent
  }

  /** Whether as many bytes were moved as could have been: so that there may be more. */
  isFull(moved: number): boolean {
    return moved === this.#wanted
  }

  #fill(): number {
    const { count, starts, lengths } = this.#pieces
    for (let i = 0; i < count; i++) {
      this.#vectors.set(i, this.#base + (starts[i] as number), lengths[i] as number)
    }
    return this.#vectors.address
  }
}
