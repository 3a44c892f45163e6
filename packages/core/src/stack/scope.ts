import type { Context } from '../contract/lifecycle.ts'
import { ConfigurationError } from '../runtime/errors.ts'
import { CLOCK, LOGGER, RANDOM, type Runtime, type Token } from '../runtime/runtime.ts'
import type { DropStatistics } from './edge.ts'

/** Makes the contexts of one chain: what its lines provide to each other, and the drops they count outside of batches. */
export class Scope {
  readonly #drops = new Map<string, Map<string, number>>()
  readonly #provided = new Map<symbol, unknown>()
  readonly #outer: Context

  constructor(outer: Context) {
    this.#outer = outer
  }

  contextFor(name: string): Context {
    const outer = this.#outer
    return {
      name,
      runtime: outer.runtime,
      clock: outer.clock,
      random: outer.random,
      logger: outer.logger,
      pool: outer.pool,
      signal: outer.signal,
      drop: (reason, packets = 1) => this.#count(name, reason, packets),
      provide: (token, value) => void this.#provided.set(token.key, value),
      find: <T>(token: Token<T>) => this.#find(token),
      require: <T>(token: Token<T>, hint: string) => {
        const value = this.#find(token)
        if (value !== undefined) return value
        throw new ConfigurationError(`nothing in this stack provides ${token.key.description}: ${hint}`)
      },
    }
  }

  statistics(): readonly DropStatistics[] {
    return [...this.#drops].flatMap(([line, reasons]) =>
      [...reasons].map(([reason, packets]) => ({ line, reason, packets })),
    )
  }

  #find<T>(token: Token<T>): T | undefined {
    return this.#provided.has(token.key) ? (this.#provided.get(token.key) as T) : this.#outer.find(token)
  }

  #count(name: string, reason: string, packets: number): void {
    const reasons = this.#drops.get(name) ?? new Map<string, number>()
    this.#drops.set(name, reasons)
    reasons.set(reason, (reasons.get(reason) ?? 0) + packets)
  }
}

/** The outermost context: everything from the runtime, nothing provided. */
export function rootContext(runtime: Runtime, pool: Context['pool'], signal: AbortSignal): Context {
  return {
    name: 'stack',
    runtime,
    clock: runtime.get(CLOCK),
    random: runtime.get(RANDOM),
    logger: runtime.get(LOGGER),
    pool,
    signal,
    drop() {},
    provide() {},
    find: () => undefined,
    require: () => {
      throw new Error('nothing is provided below the stack')
    },
  }
}
