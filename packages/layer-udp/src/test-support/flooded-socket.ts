import { SeededRandom, type VirtualClock } from '@millrace/core/testing'
import { AF_INET, NAME_WORDS, SO_ATTACH_FILTER, type SystemCalls } from '@millrace/native'
import type { NativeSocket } from '../native/native-socket.ts'
import { Shedder } from '../native/shedder.ts'
import { SourceSample } from '../native/source-sample.ts'
import { runFilter } from './classic-bpf.ts'

/** Datagrams. */
const BUFFER = 9000
const FIRST_BYTE = 1
const OTHER_FIRST_BYTE = 4
const OTHER = -1

/** A socket of IPv4 that is flooded, as the kernel has it, and the shedder that looks after it. */
export class FloodedSocket {
  /** What comes of other kinds, a millisecond. */
  others: number = 0
  /** Whether the flood comes in trains. */
  inTrains = false
  /** Whether trains come in as they are. */
  receivesTrains = true
  /** As the kernel counts them. */
  lost: number = 0xffff_fff0
  /** How often a filter was set or taken away. */
  changes: number = 0
  /** What the shedder has told of. */
  told: number = 0
  readonly shedder: Shedder
  readonly #clock: VirtualClock
  readonly #random = new SeededRandom(1)
  readonly #sample = new SourceSample()
  readonly #pinned: Uint8Array[] = []
  /** The buffer, by the sources of what waits in it. */
  readonly #queue: number[] = []
  #sources: readonly number[] = [1]
  #filter: Uint8Array | undefined
  /** By source, and added up for those of the flood; undefined until they are needed. */
  #shares: Map<number, number> = new Map()
  #sums: number[] | undefined

  constructor(clock: VirtualClock) {
    this.#clock = clock
    this.shedder = new Shedder({
      system: this.#system(),
      clock,
      pair: { port: 1, ipv4: this.#socket() as NativeSocket, ipv6: undefined },
      sample: this.#sample,
      onLost: (count) => {
        this.told += count
      },
    })
  }

  get sources(): readonly number[] {
    return this.#sources
  }

  /** What the flood comes from; each as often as the others. */
  set sources(sources: readonly number[]) {
    this.#sources = sources
    this.#sums = undefined
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

  /** So many of the flood come a millisecond, and so many can be dealt with. How many were, and how many found no room. */
  run(milliseconds: number, come: number, capacity: number): { served: number; overflow: number } {
    let [served, overflow, admitted] = [0, 0, 0]
    for (let i = 0; i < milliseconds; i++) {
      admitted += come * (this.#sumsOfShares().at(-1) as number)
      const whole = Math.floor(admitted)
      admitted -= whole
      const found = Math.min(whole, BUFFER - this.#queue.length)
      overflow += whole - found
      for (let k = 0; k < found; k++) this.#queue.push(this.#admitted())
      const lost = come - found + this.fill(this.others)
      this.lost = (this.lost + lost) >>> 0
      for (const source of this.#queue.splice(0, capacity)) {
        if (source === OTHER) continue
        this.#note(source)
        served++
      }
      this.#clock.advance(1)
    }
    return { served, overflow }
  }

  /** So many of other kinds come in, at once. How many found no room. */
  fill(count: number): number {
    const found = Math.min(count, BUFFER - this.#queue.length)
    for (let i = 0; i < found; i++) this.#queue.push(OTHER)
    return count - found
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

  /** The part that is let in of what comes from the first source, the first two, and so on. */
  #sumsOfShares(): number[] {
    let sum = 0
    this.#sums ??= this.#sources.map((source) => {
      sum += this.shareOf(source) / this.#sources.length
      return sum
    })
    return this.#sums
  }

  /** The source of one that was let in. */
  #admitted(): number {
    const sums = this.#sumsOfShares()
    const drawn = (this.#random.uint32() / 2 ** 32) * (sums.at(-1) as number)
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) > drawn) high = middle
      else low = middle + 1
    }
    return this.#sources[low] as number
  }

  /** Of a train it is one behind the first. */
  #note(source: number): void {
    const isInTrain = this.inTrains && this.receivesTrains
    const bytes = isInTrain ? Uint8Array.of(OTHER_FIRST_BYTE, FIRST_BYTE) : Uint8Array.of(FIRST_BYTE)
    this.#sample.note(bytes, 0, bytes.length, isInTrain ? 1 : 0, nameOf(source))
  }

  #socket(): Partial<NativeSocket> {
    const letTrainsIn = (may: boolean): void => {
      this.receivesTrains = may
    }
    return { fd: 7, family: 4, trains: true, letTrainsIn }
  }

  #system(): SystemCalls {
    const calls: Partial<SystemCalls> = {
      addressOf: (bytes) => this.#pinned.push(bytes) - 1,
      getsockopt: (_fd, _level, _option, address) => {
        const variables = new Uint32Array((this.#pinned[address] as Uint8Array).buffer)
        variables.set([this.#queue.length, BUFFER])
        variables[8] = this.lost
        return 0
      },
      setsockopt: (_fd, _level, option, address) => {
        this.changes++
        this.#shares = new Map()
        this.#sums = undefined
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
