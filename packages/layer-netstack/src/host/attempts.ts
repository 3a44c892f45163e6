import type { Timer } from '@millrace/core'
import type { Flow, FlowOwner } from './flow.ts'
import { codeOf, type SocketErrorCode, socketError } from './socket-error.ts'
import type { FlowSeeker, Search } from './tunnel-socket.ts'

/** Where a connection goes: an address in text form, and a port. */
export interface Destination {
  readonly address: string
  readonly port: number
}

/** What attempts stand on. */
export interface AttemptsHost {
  /** Begins a connection. Throws a SocketError. */
  open(destination: Destination, owner: FlowOwner): Flow
  /** Undefined once there is nothing to wait for. */
  setTimer(delay: number, callback: () => void): Timer | undefined
}

/** How long an attempt may take before the next begins beside it (RFC 8305 §5), milliseconds. */
const ATTEMPT_DELAY = 250

/**
 * Tries destinations one after the other, the next when one has failed or taken long, until the first answers: that flow
 * is the seeker's and the others end.
 */
export class Attempts implements Search {
  readonly #host: AttemptsHost
  readonly #seeker: FlowSeeker
  readonly #flows = new Set<Flow>()
  #waiting: Destination[] = []
  #errors: Error[] = []
  #isOver = false
  #timer: Timer | undefined

  constructor(host: AttemptsHost, seeker: FlowSeeker) {
    this.#host = host
    this.#seeker = seeker
  }

  /** Called once, and not from within the constructor of the seeker. */
  begin(destinations: readonly Destination[]): void {
    this.#waiting = [...destinations]
    this.#next()
  }

  /** There is nothing to try. */
  fail(error: Error): void {
    if (this.#isOver) return
    this.cancel()
    this.#seeker.failed(error)
  }

  cancel(): void {
    this.#isOver = true
    this.#timer?.cancel()
    for (const flow of this.#flows) flow.abort()
    this.#flows.clear()
  }

  #next(): void {
    this.#timer?.cancel()
    if (this.#isOver) return
    const destination = this.#waiting.shift()
    if (destination !== undefined) this.#try(destination)
    else if (this.#flows.size === 0) this.fail(summary(this.#errors))
  }

  #try(destination: Destination): void {
    let flow: Flow
    try {
      flow = this.#host.open(destination, {
        opened: (opened) => this.#opened(opened),
        readable() {},
        writable() {},
        closed: (cause) => this.#closed(flow, destination, cause === 'finished' ? 'ECONNRESET' : codeOf(cause)),
      })
    } catch (error) {
      this.#errors.push(placed(error as Error, destination))
      this.#next()
      return
    }
    this.#flows.add(flow)
    if (this.#waiting.length > 0) this.#timer = this.#host.setTimer(ATTEMPT_DELAY, () => this.#next())
  }

  #opened(flow: Flow): void {
    this.#flows.delete(flow)
    this.cancel()
    flow.owner = this.#seeker
    this.#seeker.opened(flow)
  }

  #closed(flow: Flow, destination: Destination, code: SocketErrorCode): void {
    this.#flows.delete(flow)
    this.#errors.push(socketError(code, 'connect', destination))
    this.#next()
  }
}

/** Of several failures one error with the code of the first, as Node has it. */
function summary(errors: readonly Error[]): Error {
  const [first] = errors
  if (first === undefined) return socketError('EHOSTUNREACH', 'connect')
  if (errors.length === 1) return first
  return Object.assign(new AggregateError(errors, errors.map(({ message }) => message).join('; ')), {
    code: (first as Error & { readonly code?: string }).code,
  })
}

function placed(error: Error, destination: Destination): Error {
  const { code, syscall } = error as Error & { readonly code?: SocketErrorCode; readonly syscall?: string }
  return code === undefined || syscall === undefined ? error : socketError(code, syscall, destination)
}
