import { SeededRandom, type VirtualClock } from '@millrace/core/testing'
import { AF_INET, NAME_WORDS, SO_ATTACH_FILTER, type SystemCalls } from '@millrace/native'
import type { NativeSocket } from '../native/native-socket.ts'
import { Shedder } from '../native/shedder.ts'
import { SourceSample } from '../native/source-sample.ts'
import { runFilter } from './classic-bpf.ts'

/** Datagrams. */
const BUFFER = 9000
const FIRST_BYTE = 1

/** A socket of IPv4 that is flooded, as the kernel has it, and the shedder that looks after it. */
export class FloodedSocket {
  /** What the flood comes from; each as often as the others. */
  sources: readonly number[] = [1]
  /** Datagrams in its buffer. */
  waiting: number = 0
  /** As the kernel counts them. */
  lost: number = 0xffff_fff0
  /** How often a filter was set or taken away. */
  changes: number = 0
  /** What the shedder has told of. */
  told: number = 0
  readonly shedder: Shedder
  readonly #clock: VirtualClock
  readonly #random = new SeededRandom(1)
  readonly #counts = new Uint32Array(256)
  readonly #sample = new SourceSample()
  readonly #pinned: Uint8Array[] = []
  readonly #queue: number[] = []
  #filter: Uint8Array | undefined
  #shares: Map<number, number> = new Map()

  constructor(clock: VirtualClock) {
    this.#clock = clock
    this.shedder = new Shedder({
      system: this.#system(),
      clock,
      pair: { port: 1, ipv4: { fd: 7, family: 4 } as NativeSocket, ipv6: undefined },
      counts: this.#counts,
      sample: this.#sample,
      onLost: (count) => {
        this.told += count
      },
    })
  }

  /** The part that the filter lets in of what comes from there, 1 without one. */
  shareOf(source: number): number {
    const filter = this.#filter
    if (filter === undefined) return 1
    let share = this.#shares.get(source)
    if (share === undefined) {
      const network = new Uint8Array(20)
      new DataView(network.buffer).setUint32(12, source)
      const udp = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, FIRST_BYTE)
      // Words below some number are let in: all, or the lowest of those that are not.
      let [low, high] = [0, 2 ** 32]
      while (low < high) {
        const word = Math.floor((low + high) / 2)
        if (runFilter(filter, { network, udp }, word) > 0) low = word + 1
        else high = word
      }
      share = low / 2 ** 32
      this.#shares.set(source, share)
    }
    return share
  }

  /** So many come a millisecond, and so many can be dealt with. How many were, and how many found no room. */
  run(milliseconds: number, come: number, capacity: number): { served: number; overflow: number } {
    let [served, overflow, admitted] = [0, 0, 0]
    for (let i = 0; i < milliseconds; i++) {
      admitted += come * this.#meanShare()
      const whole = Math.floor(admitted)
      admitted -= whole
      const found = Math.min(whole, BUFFER - this.waiting)
      overflow += whole - found
      this.lost = (this.lost + come - found) >>> 0
      for (let k = 0; k < found; k++) this.#queue.push(this.#admitted())
      this.waiting += found
      const now = Math.min(this.waiting, capacity)
      this.waiting -= now
      for (const source of this.#queue.splice(0, now)) this.#sample.note(FIRST_BYTE, nameOf(source))
      this.#counts[FIRST_BYTE] = (this.#counts[FIRST_BYTE] as number) + now
      served += now
      this.#clock.advance(1)
    }
    return { served, overflow }
  }

  /** The same, while the shedder is told again and again that it is too much. */
  overload(milliseconds: number, come: number, capacity: number): { served: number; overflow: number } {
    let [served, overflow] = [0, 0]
    for (let i = 0; i < milliseconds; i += 100) {
      this.shedder.overloaded([FIRST_BYTE, 2])
      const round = this.run(100, come, capacity)
      served += round.served
      overflow += round.overflow
    }
    return { served, overflow }
  }

  #meanShare(): number {
    if (this.#filter === undefined) return 1
    let sum = 0
    for (const source of this.sources) sum += this.shareOf(source)
    return sum / this.sources.length
  }

  /** The source of one that was let in. */
  #admitted(): number {
    for (;;) {
      const source = this.sources[this.#random.uint32() % this.sources.length] as number
      const share = this.shareOf(source)
      // Where hardly any are let in one is as likely as the other.
      if (share === 1 || this.sources.length === 1 || this.#random.uint32() / 2 ** 32 < share / this.#largestShare())
        return source
    }
  }

  #largestShare(): number {
    return this.sources.reduce((largest, source) => Math.max(largest, this.shareOf(source)), 0)
  }

  #system(): SystemCalls {
    const calls: Partial<SystemCalls> = {
      addressOf: (bytes) => this.#pinned.push(bytes) - 1,
      getsockopt: (_fd, _level, _option, address) => {
        const variables = new Uint32Array((this.#pinned[address] as Uint8Array).buffer)
        variables.set([this.waiting, BUFFER])
        variables[8] = this.lost
        return 0
      },
      setsockopt: (_fd, _level, option, address) => {
        this.changes++
        this.#shares = new Map()
        if (option !== SO_ATTACH_FILTER) this.#filter = undefined
        else {
          const header = new DataView((this.#pinned[address] as Uint8Array).buffer)
          this.#filter = this.#pinned[Number(header.getBigUint64(8, true))]
        }
        return 0
      },
    }
    return calls as SystemCalls
  }
}

function nameOf(source: number): Int32Array {
  const name = new Int32Array(NAME_WORDS)
  name[0] = AF_INET
  new DataView(name.buffer).setUint32(4, source)
  return name
}
