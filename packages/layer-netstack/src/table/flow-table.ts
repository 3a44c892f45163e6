import { KeyIndex, type Peer, type Random } from '@millrace/core'
import { Handles } from './handles.ts'
import { TimerWheel } from './timer-wheel.ts'

/** What every entry of a {@link FlowTable} has. */
export class Flow {
  readonly index: number
  /** The words by which it is found: a view, right while it is in use. */
  readonly key: Int32Array
  /** -1 while nobody uses it. */
  handle = -1
  /** When it is due, milliseconds. May be put off at any time; to be due sooner it must be armed anew. */
  deadline: number = Number.POSITIVE_INFINITY
  peer: Peer | undefined

  constructor(index: number, key: Int32Array) {
    this.index = index
    this.key = key
  }
}

export interface FlowTableOptions {
  readonly capacity: number
  /** 32-bit words of a key. */
  readonly words: number
  readonly random: Random
  /** Milliseconds. */
  readonly now: number
}

/**
 * A bounded number of flows, made as they are needed and used again. A handle that is too old finds nothing.
 */
export class FlowTable<F extends Flow> {
  readonly #index: KeyIndex
  readonly #wheel: TimerWheel
  readonly #words: number
  readonly #capacity: number
  readonly #handles: Handles
  readonly #make: (index: number, key: Int32Array) => F
  readonly #flows: F[] = []
  readonly #free: F[] = []

  constructor({ capacity, words, random, now }: FlowTableOptions, make: (index: number, key: Int32Array) => F) {
    this.#index = new KeyIndex(capacity, words, random.uint32(), random.uint32())
    this.#wheel = new TimerWheel(capacity, now)
    this.#words = words
    this.#capacity = capacity
    this.#handles = new Handles(capacity)
    this.#make = make
  }

  /** Flows in use. */
  get size(): number {
    return this.#flows.length - this.#free.length
  }

  /** When to call {@link due} next, milliseconds, or Infinity. */
  get deadline(): number {
    return this.#wheel.next
  }

  find(key: Int32Array): F | undefined {
    const found = this.#index.find(key)
    return found < 0 ? undefined : this.#flows[found]
  }

  of(handle: number): F | undefined {
    const flow = this.#flows[this.#handles.indexOf(handle)]
    return flow?.handle === handle && handle >= 0 ? flow : undefined
  }

  /** A flow with this key, which no other has, and a handle of its own; undefined when all are in use. */
  open(key: Int32Array, deadline: number, peer: Peer | undefined): F | undefined {
    const flow = this.#free.pop() ?? this.#another()
    if (flow === undefined) return undefined
    const { index } = flow
    this.#index.insert(index, key)
    flow.handle = this.#handles.next(index)
    flow.deadline = deadline
    flow.peer = peer
    if (deadline < Number.POSITIVE_INFINITY) this.#wheel.set(index, deadline)
    return flow
  }

  /** Makes its handle and key mean nothing any more, and the flow free for another use. */
  close(flow: F): void {
    this.#index.remove(flow.index)
    this.#wheel.cancel(flow.index)
    flow.handle = -1
    flow.peer = undefined
    this.#free.push(flow)
  }

  /** A flow that is due, which the caller closes or arms anew, or undefined. */
  due(now: number): F | undefined {
    for (let index = this.#wheel.take(now); index >= 0; index = this.#wheel.take(now)) {
      const flow = this.#flows[index] as F
      if (flow.deadline <= now) return flow
      this.arm(flow)
    }
    return undefined
  }

  /** Its deadline has been brought forward, or it has been due and is not closed. */
  arm(flow: F): void {
    this.#wheel.set(flow.index, flow.deadline)
  }

  #another(): F | undefined {
    const index = this.#flows.length
    if (index >= this.#capacity) return undefined
    const flow = this.#make(index, this.#index.keys.subarray(index * this.#words, (index + 1) * this.#words))
    this.#flows.push(flow)
    return flow
  }
}
