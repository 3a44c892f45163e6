import { EMPTY, map, type Observable } from 'rxjs'
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

/** The events of a part with its name; those that come out of a stack inside keep the name of their own line. */
export function eventsOf(part: Lifecycle): Observable<StackEvent> {
  const name = nameOf(part)
  return (part.events ?? EMPTY).pipe(
    map((event) => (event instanceof StackEvent ? event : new StackEvent(name, event))),
  )
}
