import type { Endpoint, Line } from '../contract/index.ts'
import type { Packet } from '../packet/packet.ts'
import type { PoolOptions } from '../packet/pool.ts'
import { ConfigurationError } from '../runtime/errors.ts'
import { type Runtime, runtimeWith } from '../runtime/runtime.ts'
import { type Branch, type Chain, layers } from './chain.ts'
import { RunningStack } from './running-stack.ts'
import { nameOf } from './stop.ts'

/** What a stack gets from its surroundings; see {@link stack}. */
export interface StackOptions {
  /** Gives clock, randomness, logger and the rest. Default: the system's, and no log. */
  readonly runtime?: Runtime
  /** Bounds of the packet memory. */
  readonly pool?: PoolOptions
}

export interface StartOptions {
  /** Stops the stack when aborted. Aborted before, the start fails; meanwhile, it is finished first and then undone. */
  readonly signal?: AbortSignal
  /** How long a stop may take, milliseconds, default 5,000. What has not ended by then is left behind and logged. */
  readonly stopLimit?: number
}

/**
 * Begins a stack at the wire. It reads from the wire upward: each `.layer()` stands further from the wire than the one
 * before it, and `.end()` names the host.
 */
export function stack<P extends Packet>(wire: Endpoint<P>, options: StackOptions = {}): Stack<P> {
  return new Stack(wire as unknown as Endpoint<Packet>, layers<Packet>() as unknown as Chain<Packet, P>, options)
}

/** A stack that still lacks its host end. Immutable: `.layer()` returns another. `P` is what the next line must take. */
export class Stack<P extends Packet> {
  readonly #wire: Endpoint<Packet>
  readonly #chain: Chain<Packet, P>
  readonly #options: StackOptions

  constructor(wire: Endpoint<Packet>, chain: Chain<Packet, P>, options: StackOptions) {
    this.#wire = wire
    this.#chain = chain
    this.#options = options
  }

  /** Adds a line that takes `P` from below. A plain `Layer<P>` serves both ways. */
  layer<High extends Packet = P>(line: Line<P, High> | Chain<P, High>): Stack<High> {
    return new Stack(this.#wire, this.#chain.layer(line), this.#options)
  }

  /** Ends the stack at the host. */
  end(host: Endpoint<P>): Gateway {
    return new Gateway(this.#wire, this.#chain.end(host), this.#options)
  }
}

/** A complete stack, not running yet. It may be started again once it has stopped. */
export class Gateway {
  readonly #wire: Endpoint<Packet>
  readonly #branch: Branch<Packet>
  readonly #options: StackOptions
  #started = false

  constructor(wire: Endpoint<Packet>, branch: Branch<Packet>, options: StackOptions) {
    this.#wire = wire
    this.#branch = branch
    this.#options = options
  }

  /** Opens both ends and every layer; packets flow when the promise resolves. On failure everything is closed again. */
  async start(options: StartOptions = {}): Promise<RunningStack> {
    if (this.#started) throw new ConfigurationError('this stack is running already: stop it before starting it again')
    this.#started = true
    const ended = (): void => {
      this.#started = false
    }
    try {
      const runtime = this.#options.runtime ?? runtimeWith()
      const running = await RunningStack.start(this.#wire, this.#branch, runtime, this.#options.pool ?? {}, options)
      void running.stopped.then(ended)
      return running
    } catch (error) {
      ended()
      throw error
    }
  }

  /** The names of the lines, from the wire up. */
  describe(): readonly string[] {
    return [nameOf(this.#wire), ...this.#branch.parts.map(nameOf)]
  }
}
