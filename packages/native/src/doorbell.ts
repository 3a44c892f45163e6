import { EnvironmentError } from '@millrace/core'
import { errnoName } from './errno.ts'
import { EFD_CLOEXEC, EFD_NONBLOCK } from './linux.ts'
import { Readiness } from './readiness.ts'
import type { SystemCalls } from './system-calls.ts'

const ONE = new Uint8Array(new ArrayBuffer(8))
ONE[0] = 1

/** Wakes the event loop of the thread that made it, from any thread of the process: an eventfd. */
export class Doorbell {
  /** What the other threads ring it by. */
  readonly fd: number
  readonly #system: SystemCalls
  readonly #readiness: Readiness
  readonly #value = new Uint8Array(8)
  readonly #address: number
  readonly #rung: () => void
  readonly #onReady: () => void
  #closing = false

  /** `rung` is called once for each `listen` after which somebody rings, not for each ring. */
  constructor(system: SystemCalls, rung: () => void) {
    this.#system = system
    this.#rung = rung
    this.#address = system.addressOf(this.#value)
    this.fd = system.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    if (this.fd < 0) throw new EnvironmentError(`eventfd failed with ${errnoName(this.fd)}`)
    this.#readiness = new Readiness(system, this.fd)
    this.#onReady = () => this.#answer()
  }

  /** Nothing new if it listens already. */
  listen(): void {
    if (!this.#readiness.waiting && !this.#closing) this.#readiness.wait(this.#onReady)
  }

  /** Only when nobody will ring any more. */
  close(): void {
    this.#closing = true
    if (this.#readiness.waiting) this.#readiness.wake()
    else this.#close()
  }

  #answer(): void {
    if (this.#closing) this.#close()
    else if (this.#system.read(this.fd, this.#address, 8) === 8) this.#rung()
    else this.listen()
  }

  #close(): void {
    this.#readiness.close()
    this.#system.close(this.fd)
  }
}

/** What rings a doorbell, made on the thread that rings, by the number that the doorbell's own thread has told. */
export function ringerOf(system: SystemCalls, fd: number): () => void {
  const address = system.addressOf(ONE)
  return () => void system.write(fd, address, 8)
}
