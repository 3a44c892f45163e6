import { EnvironmentError } from '@millrace/core'
import { Errno, errnoName } from './errno.ts'
import type { LoopWatch } from './event-loop.ts'
import { EFD_CLOEXEC, EFD_NONBLOCK, POLLIN } from './linux.ts'
import type { SystemCalls } from './system-calls.ts'

/** How long one wait lasts at most, milliseconds: so long may a process that exits without a stop be held up. */
const WAIT_LIMIT = 500

// The 8 bytes an eventfd takes, then pollfd { int fd; short events; short revents }, the eventfd's first.
const WAKE_VALUE = 0
const EVENTS = 8
const POLLFD = 8
/** A descriptor that poll(2) passes over. */
const NONE = -1

/**
 * Waits until one of a few descriptors can be read, without blocking the event loop: in the loop itself where that can be
 * (see `EventLoop`), else by one asynchronous poll(2) over them and an eventfd that ends the wait early, which holds a
 * thread of libuv's pool (UV_THREADPOOL_SIZE, 4) while it waits.
 *
 * It does not look again for a while before it waits: with 50 to 400 µs of that a ping each 2 ms cost up to twice the CPU
 * and came back no sooner, and pings at once, on busy cores, were slower as often as faster.
 */
export class Readiness {
  readonly #system: SystemCalls
  readonly #wakeFd: number
  readonly #count: number
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #address: number
  readonly #finished: (result: number) => void
  readonly #watch: LoopWatch | undefined
  #done: ((events: number) => void) | undefined
  /** Descriptor i by bit i. */
  #which = 0

  constructor(system: SystemCalls, ...descriptors: readonly number[]) {
    this.#system = system
    this.#count = descriptors.length + 1
    this.#bytes = new Uint8Array(EVENTS + this.#count * POLLFD)
    this.#view = new DataView(this.#bytes.buffer)
    this.#address = system.addressOf(this.#bytes)
    this.#watch = system.eventLoop?.watch(descriptors, (which) => this.#look(which))
    this.#wakeFd = this.#watch === undefined ? system.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : NONE
    if (this.#watch === undefined && this.#wakeFd < 0) {
      throw new EnvironmentError(`eventfd failed with ${errnoName(this.#wakeFd)}`)
    }
    for (const [i, fd] of [this.#wakeFd, ...descriptors].entries()) {
      this.#view.setInt32(EVENTS + i * POLLFD, fd, true)
      this.#view.setInt16(EVENTS + i * POLLFD + 4, POLLIN, true)
    }
    this.#view.setBigUint64(WAKE_VALUE, 1n, true)
    this.#finished = (result) => this.#finish(result)
  }

  get waiting(): boolean {
    return this.#done !== undefined
  }

  /** Whether it was, among others, the descriptor with this number, 0 to 31, that ended the last wait. */
  wasReady(descriptor: number): boolean {
    return (this.#which & (1 << descriptor)) !== 0
  }

  /**
   * Calls back once with the events of all descriptors together (`POLLIN`, `POLLERR`, …), 0 when there was none after all
   * or the wait was woken, or a negated errno. One wait at a time.
   */
  wait(done: (events: number) => void): void {
    this.#done = done
    if (this.#watch !== undefined) this.#watch.start()
    else this.#system.pollAsync(this.#address + EVENTS, this.#count, WAIT_LIMIT, this.#finished)
  }

  /** Ends the wait now running and every later one: a woken wait is on its way to be closed. */
  wake(): void {
    if (this.#watch !== undefined) {
      this.#watch.stop()
      setImmediate(this.#finished, 0)
    } else this.#system.write(this.#wakeFd, this.#address + WAKE_VALUE, 8)
  }

  /** Not while waiting. */
  close(): void {
    if (this.#watch !== undefined) this.#watch.close()
    else this.#system.close(this.#wakeFd)
  }

  #look(which: number): void {
    if (which === 0) this.#finish(this.#system.poll(this.#address + EVENTS, this.#count, 0))
    else this.#end(which, POLLIN)
  }

  #finish(result: number): void {
    let [which, events] = [0, 0]
    for (let i = 1; result > 0 && i < this.#count; i++) {
      const returned = this.#view.getInt16(EVENTS + i * POLLFD + 6, true)
      if (returned !== 0) which |= 1 << (i - 1)
      events |= returned
    }
    this.#end(which, result > 0 ? events : result === -Errno.EINTR ? 0 : result)
  }

  #end(which: number, events: number): void {
    const done = this.#done
    this.#done = undefined
    this.#which = which
    done?.(events)
  }
}
