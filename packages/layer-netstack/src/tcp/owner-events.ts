import { CONNECTED, ENDED, type Engine, INCOMING, READABLE, WRITABLE } from './engine.ts'
import type { TcpListener } from './listener.ts'

/** Tells the owner what there is to tell; what its answers bring about is told the next time. */
export function dispatchEvents(engine: Engine, listener: TcpListener): void {
  wakeStarved(engine)
  for (let left = engine.told.length; left > 0; left--) {
    const c = engine.told.shift()
    if (c === undefined) return
    const { events, handle } = c
    c.events = 0
    c.hasEvents = false
    if (handle < 0) continue
    if ((events & INCOMING) !== 0) listener.incoming(handle)
    if ((events & CONNECTED) !== 0 && c.handle === handle) listener.established(handle)
    if ((events & READABLE) !== 0 && c.handle === handle) listener.readable(handle)
    if ((events & WRITABLE) !== 0 && c.handle === handle) listener.writable(handle)
    if ((events & ENDED) === 0 || c.handle !== handle) continue
    const { cause } = c
    engine.release(c)
    listener.closed(handle, cause)
  }
}

/** Those that found no memory to write to, once there is some again. */
function wakeStarved(engine: Engine): void {
  if (!engine.mayWake) return
  for (let left = engine.starved.length; left > 0; left--) {
    const c = engine.starved.shift()
    if (c === undefined) return
    c.isStarved = false
    if (c.wantsWritable) engine.tell(c, WRITABLE)
    c.wantsWritable = false
  }
}
