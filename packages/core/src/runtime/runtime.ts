import { type Clock, systemClock } from './clock.ts'
import { type Logger, silentLogger } from './logger.ts'
import { type Random, systemRandom } from './random.ts'

/**
 * Names something that is bound from outside. `fallback` makes the usual one where nothing else is bound; without it
 * the thing can only come from a line further down the stack (see `Context.provide`).
 */
export interface Token<T> {
  readonly key: symbol
  readonly fallback?: () => T
}

export function token<T>(name: string, fallback?: () => T): Token<T> {
  const key = Symbol(name)
  return fallback === undefined ? { key } : { key, fallback }
}

/** Gives what is bound to a token, the same each time. The facade binds it to a tsyringe container. */
export interface Runtime {
  get<T>(token: Token<T>): T
}

export const CLOCK: Token<Clock> = token('Clock', () => systemClock)
export const RANDOM: Token<Random> = token('Random', () => systemRandom)
export const LOGGER: Token<Logger> = token('Logger', () => silentLogger)

/** A binding of a token to a value, for {@link runtimeWith}. */
export type Binding = readonly [Token<unknown>, unknown]

export function bind<T>(token: Token<T>, value: T): Binding {
  return [token, value]
}

/** A runtime of the given bindings, with each token's fallback for the rest. */
export function runtimeWith(...bindings: readonly Binding[]): Runtime {
  const values = new Map<symbol, unknown>(bindings.map(([token, value]) => [token.key, value]))
  return {
    get<T>(token: Token<T>): T {
      if (!values.has(token.key)) values.set(token.key, makeFallback(token))
      return values.get(token.key) as T
    },
  }
}

/** What a token stands for where nothing is bound to it. */
export function makeFallback<T>(token: Token<T>): T {
  if (token.fallback === undefined) throw new Error(`nothing is bound to ${token.key.description}`)
  return token.fallback()
}
