import { EnvironmentError } from '@millrace/core'
import { errnoName } from './errno.ts'
import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLLIN } from './linux.ts'
import type { SystemCalls } from './system-calls.ts'

/** Descriptors told of at once. */
const EVENTS = 64
// struct epoll_event: events as u32, then 8 bytes of our own, which are aligned everywhere but on x64.
const OWN = process.arch === 'x64' ? 4 : 8
const EVENT = OWN + 8
/** Where one lies that is to be watched. */
const NEW = EVENTS * EVENT

/**
 * Any number of descriptors as one, which can be read when one of them can (epoll(7)): waiting for all costs no more than
 * waiting for one, and those that are closed are out of it by themselves.
 */
export class EpollSet {
  readonly fd: number
  readonly #system: SystemCalls
  readonly #view = new DataView(new ArrayBuffer(NEW + EVENT))
  readonly #address: number

  /** Throws an EnvironmentError if the system has none to give. */
  constructor(system: SystemCalls) {
    this.#system = system
    this.#address = system.addressOf(new Uint8Array(this.#view.buffer))
    this.fd = system.epollCreate(EPOLL_CLOEXEC)
    if (this.fd < 0) throw new EnvironmentError(`epoll_create1 failed with ${errnoName(this.fd)}`)
  }

  /**
   * Watches a descriptor until it is closed, for these events besides its failing. `own` is what `at` tells of it. A negated
   * errno if that cannot be.
   */
  add(fd: number, events: number = EPOLLIN, own: number = fd): number {
    this.#view.setUint32(NEW, events, true)
    this.#view.setInt32(NEW + OWN, own, true)
    return this.#system.epollControl(this.fd, EPOLL_CTL_ADD, fd, this.#address + NEW)
  }

  /**
   * How many descriptors have something to tell now, 64 at most; the others' turn is at the next call. A negated errno
   * counts as none.
   */
  look(): number {
    return Math.max(this.#system.epollWait(this.fd, this.#address, EVENTS, 0), 0)
  }

  /** Of those that `look` has found, until it looks again. */
  at(index: number): number {
    return this.#view.getInt32(index * EVENT + OWN, true)
  }

  /** What of that one can be done now: `EPOLLIN`, `EPOLLOUT`, … */
  eventsAt(index: number): number {
    return this.#view.getUint32(index * EVENT, true)
  }

  close(): void {
    this.#system.close(this.fd)
  }
}
