import { Observable } from 'rxjs/internal/Observable'
import type { Lifecycle } from '../contract/lifecycle.ts'
import { nameOf } from './stop.ts'

/** An event of a layer, and the name of its line. */
export class StackEvent {
  readonly line: string
  readonly event: object

  constructor(line: string, event: object) {
    this.line = line
    this.event = event
  }
}

/**
 * The events of all parts as they come, each with the name of its line; those that come out of a stack inside keep the
 * name of their own. It completes and fails as rxjs' `merge` does, which is not used, and all of rxjs is imported by its
 * single files, because its operators take a fifth of the start of a small program.
 */
export function eventsOf(parts: readonly Lifecycle[]): Observable<StackEvent> {
  const sources = parts.filter((part) => part.events !== undefined)
  return new Observable((subscriber) => {
    let open = sources.length
    if (open === 0) subscriber.complete()
    for (const part of sources) {
      const name = nameOf(part)
      const subscription = part.events?.subscribe({
        next: (event) => subscriber.next(event instanceof StackEvent ? event : new StackEvent(name, event)),
        error: (error) => subscriber.error(error),
        complete: () => {
          if (--open === 0) subscriber.complete()
        },
      })
      subscriber.add(subscription)
    }
  })
}
