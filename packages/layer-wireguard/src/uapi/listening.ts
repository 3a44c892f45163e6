import { once } from 'node:events'
import type { Server } from 'node:net'

/** Begins to listen and waits until it does; rejects with the system's error. */
export async function listening(server: Server, begin: () => void): Promise<void> {
  const done = once(server, 'listening')
  begin()
  await done
}
