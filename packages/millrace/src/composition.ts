import {
  stack as bareStack,
  type Endpoint,
  makeFallback,
  type Packet,
  type Runtime,
  type Stack,
  type StackOptions,
  type Token,
} from '@millrace/core'
import { container, type DependencyContainer } from './container.ts'

/**
 * A runtime that takes what it gives from a tsyringe container: `container.register(CLOCK.key, { useValue: clock })`.
 * Where nothing is registered for a token its fallback is made once, and registered, so that it is the same each time.
 */
export function containerRuntime(from: DependencyContainer = container): Runtime {
  return {
    get<T>(token: Token<T>): T {
      if (!from.isRegistered(token.key, true)) {
        const value = makeFallback(token)
        from.register<T>(token.key, { useFactory: () => value })
      }
      return from.resolve<T>(token.key)
    },
  }
}

/**
 * Begins a stack at the wire, as `stack` of `@millrace/core` does. Clock, randomness, logger, crypto and system calls
 * come from tsyringe's global container unless a runtime is given.
 */
export function stack<P extends Packet>(wire: Endpoint<P>, options: StackOptions = {}): Stack<P> {
  return bareStack(wire, { ...options, runtime: options.runtime ?? containerRuntime() })
}
