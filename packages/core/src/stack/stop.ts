import type { Lifecycle } from '../contract/lifecycle.ts'
import type { Clock, Timer } from '../runtime/clock.ts'

/** How long parts may take to stop, all of them together. */
export class StopLimit {
  /** Names of the parts that had not ended in time. */
  readonly late: string[] = []
  readonly passed: Promise<void>
  readonly #timer: Timer

  /** `limit` in milliseconds. */
  constructor(limit: number, clock: Clock) {
    let pass = (): void => {}
    this.passed = new Promise((resolve) => {
      pass = resolve
    })
    this.#timer = clock.setTimer(limit, pass)
  }

  cancel(): void {
    this.#timer.cancel()
  }
}

/**
 * Stops parts one after the other. One that fails does not keep the next from being stopped; what the first threw is
 * thrown at the end. Once the limit has passed every part is still asked to stop, and given one turn of the event loop.
 */
export async function stopAll(parts: readonly Lifecycle[], limit?: StopLimit): Promise<void> {
  const errors: unknown[] = []
  for (const part of parts) {
    try {
      const ended = Promise.resolve(part.stop?.()).then(() => true)
      if (!(await (limit === undefined ? ended : Promise.race([ended, limit.passed.then(oneTurn)])))) {
        limit?.late.push(nameOf(part))
      }
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

function oneTurn(): Promise<false> {
  return new Promise((resolve) => setImmediate(resolve, false))
}

export function nameOf(part: { readonly name?: string }): string {
  return part.name ?? 'layer'
}
