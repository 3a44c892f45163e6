import { isMainThread } from 'node:worker_threads'
import type * as Koffi from 'koffi'

/** Watches descriptors for somebody. */
export interface LoopWatch {
  /** Calls `ready` once, in a turn of its own, as soon as one of the descriptors can be read or has failed. */
  start(): void
  /** `ready` is not called any more, unless by another `start`. */
  stop(): void
  /** Gives the descriptors back; they may be closed. */
  close(): void
}

/**
 * The event loop that this thread runs in: libuv's own, which Node exports. It watches descriptors beside those of Node, so
 * that a packet wakes this thread and no other: measured against poll(2) on a thread of libuv's pool, an answer to a
 * single datagram comes after 50 to 65 µs instead of 95 to 120, for 40 µs of CPU instead of 130.
 */
export interface EventLoop {
  /**
   * Undefined if the loop does not take one of them. `ready` is told which can be read, descriptor i by bit i, and of no
   * bit if all that it was have failed: then poll(2) knows. 32 descriptors at most.
   */
  watch(descriptors: readonly number[], ready: (which: number) => void): LoopWatch | undefined
}

// uv.h: enum uv_handle_type and enum uv_poll_event.
const UV_POLL = 8
const UV_READABLE = 1

/** The calls of libuv; undefined where they are missing, or where this thread's loop is not the one of the process. */
export function bindEventLoop(koffi: typeof Koffi): EventLoop | undefined {
  if (!isMainThread) return undefined
  try {
    return new UvLoop(koffi)
  } catch {
    return undefined
  }
}

class UvLoop implements EventLoop {
  readonly #koffi: typeof Koffi
  readonly #loop: number
  readonly #size: number
  readonly #calls: UvCalls
  readonly #ready: number
  readonly #closed: number
  /** Every handle by its address, until libuv has let go of it: it must not be collected before. */
  readonly #handles = new Map<number, UvHandle>()
  readonly #watches = new Set<UvWatch>()

  constructor(koffi: typeof Koffi) {
    const library = koffi.load(null)
    const bind = <F>(name: string, result: string, parameters: string[]): F =>
      library.func(name, result, parameters) as unknown as F
    this.#koffi = koffi
    this.#calls = {
      init: bind('uv_poll_init', 'int', ['size_t', 'size_t', 'int']),
      start: bind('uv_poll_start', 'int', ['size_t', 'int', 'size_t']),
      stop: bind('uv_poll_stop', 'int', ['size_t']),
      close: bind('uv_close', 'void', ['size_t', 'size_t']),
    }
    this.#loop = bind<() => number>('uv_default_loop', 'size_t', [])()
    this.#size = bind<(type: number) => number>('uv_handle_size', 'size_t', ['int'])(UV_POLL)
    this.#ready = callback(koffi, ['size_t', 'int', 'int'], (address, status) => {
      const handle = this.#handles.get(address)
      handle?.watch.fire(handle.bit, status)
    })
    this.#closed = callback(koffi, ['size_t'], (address) => this.#handles.delete(address))
    // While a process ends libuv may turn once more, when there is no JavaScript to call any more.
    process.on('exit', () => {
      for (const watch of this.#watches) watch.stop()
    })
  }

  watch(descriptors: readonly number[], ready: (which: number) => void): LoopWatch | undefined {
    const watch = new UvWatch(this.#calls, this.#ready, this.#closed, ready, () => this.#watches.delete(watch))
    for (const [i, fd] of descriptors.entries()) {
      const memory = new Uint8Array(this.#size)
      void memory.buffer
      const address = Number(this.#koffi.address(memory))
      if (this.#calls.init(this.#loop, address, fd) < 0) {
        watch.close()
        return undefined
      }
      this.#handles.set(address, { memory, watch, bit: 1 << i })
      watch.addresses.push(address)
    }
    this.#watches.add(watch)
    return watch
  }
}

interface UvCalls {
  init(loop: number, handle: number, fd: number): number
  start(handle: number, events: number, callback: number): number
  stop(handle: number): number
  close(handle: number, callback: number): void
}

interface UvHandle {
  readonly memory: Uint8Array
  readonly watch: UvWatch
  readonly bit: number
}

/** `scheduled`: `ready` is to be called in the next turn. */
type State = 'idle' | 'waiting' | 'scheduled'

class UvWatch implements LoopWatch {
  readonly addresses: number[] = []
  readonly #calls: UvCalls
  readonly #onReady: number
  readonly #onClosed: number
  readonly #turn: () => void
  readonly #gone: () => void
  #state: State = 'idle'
  #isArmed = false
  #which = 0

  constructor(calls: UvCalls, onReady: number, onClosed: number, ready: (which: number) => void, gone: () => void) {
    this.#calls = calls
    this.#onReady = onReady
    this.#onClosed = onClosed
    this.#gone = gone
    this.#turn = () => {
      if (this.#state !== 'scheduled') return
      this.#state = 'idle'
      ready(this.#which)
    }
  }

  start(): void {
    this.#state = 'waiting'
    this.#which = 0
    if (this.#isArmed) return
    this.#isArmed = true
    for (const address of this.addresses) this.#calls.start(address, UV_READABLE, this.#onReady)
  }

  stop(): void {
    this.#state = 'idle'
    this.#disarm()
  }

  close(): void {
    this.stop()
    for (const address of this.addresses.splice(0)) this.#calls.close(address, this.#onClosed)
    this.#gone()
  }

  /**
   * Called by libuv, outside of any turn of Node's: no more than this may be done here. Descriptors stay armed from one
   * wait to the next, which saves system calls, until one is ready while nobody waits: it would be so in every turn.
   * After an error libuv has disarmed that one by itself.
   */
  fire(bit: number, status: number): void {
    if (this.#state === 'idle' || status < 0) this.#disarm()
    if (status >= 0) this.#which |= bit
    if (this.#state !== 'waiting') return
    this.#state = 'scheduled'
    setImmediate(this.#turn)
  }

  #disarm(): void {
    if (!this.#isArmed) return
    this.#isArmed = false
    for (const address of this.addresses) this.#calls.stop(address)
  }
}

/** The address of a function that C may call on this thread, for as long as the process lasts. */
function callback(koffi: typeof Koffi, parameters: string[], called: (handle: number, status: number) => void): number {
  const type = koffi.pointer(koffi.proto('void', parameters))
  return Number(koffi.address(koffi.register(called, type)))
}
