import { EnvironmentError } from '@millrace/core'
import { errnoName } from './errno.ts'
import { O_CLOEXEC } from './linux.ts'
import type { SystemCalls } from './system-calls.ts'

const CLONE_NEWNET = 0x40000000

/**
 * Does `work` with this thread in the network namespace of the descriptor `fd`: a socket that it opens stays there.
 * `work` is synchronous; when this returns the thread is back. Returns undefined, and has not begun, where the system
 * does not allow that (CAP_SYS_ADMIN).
 */
export function inNetworkNamespace<T>(system: SystemCalls, fd: number, work: () => T): T | undefined {
  const before = system.open('/proc/thread-self/ns/net', O_CLOEXEC)
  if (before < 0) return undefined
  const entered = system.setns(fd, CLONE_NEWNET) === 0
  let back = 0
  try {
    return entered ? work() : undefined
  } finally {
    if (entered) back = system.setns(before, CLONE_NEWNET)
    system.close(before)
    check(back)
  }
}

/** Whoever opened this namespace's file a moment ago may enter it again. If not, nothing that follows would be right. */
function check(back: number): void {
  if (back < 0) throw new EnvironmentError(`cannot return to the network namespace (${errnoName(back)})`)
}
