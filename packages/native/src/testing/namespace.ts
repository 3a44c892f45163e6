import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'
import { Errno, errnoName } from '../errno.ts'
import { O_CLOEXEC } from '../linux.ts'
import { loadNative } from '../load.ts'
import { RouteNetlink } from '../netlink/route-netlink.ts'
import type { SystemCalls } from '../system-calls.ts'

const CLONE_NEWNET = 0x40000000
const LOOPBACK = 1

/** A network namespace that this thread is in. */
export interface NetworkNamespace {
  /** Goes back to the one the thread came from. This one is gone with its last socket and process. */
  leave(): void
}

/**
 * Puts this thread into a new network namespace with loopback up: every socket it makes from now on, every program it
 * starts and every interface it creates is in there, and nothing needs to be removed afterwards. Threads that exist
 * already stay where they are, those of libuv's pool among them: use `fs.readFileSync` for /proc/sys/net, not promises.
 */
export function enterNetworkNamespace(): NetworkNamespace {
  const { system, reason } = loadNative()
  if (system === undefined) throw new Error(reason)
  const library = (createRequire(import.meta.url)('koffi') as typeof Koffi).load(null)
  const unshare = library.func('unshare', 'int', ['int'])
  const setns = library.func('setns', 'int', ['int', 'int'])
  const before = system.open('/proc/thread-self/ns/net', O_CLOEXEC)
  check(before, 'open the namespace of this thread')
  if (unshare(CLONE_NEWNET) < 0) {
    system.close(before)
    check(-Errno.EPERM, 'make a network namespace')
  }
  new RouteNetlink(system).changeLink(LOOPBACK, { up: true })
  return {
    leave() {
      const result = setns(before, CLONE_NEWNET)
      system.close(before)
      check(result, 'leave the network namespace')
    },
  }
}

/** Whether {@link enterNetworkNamespace} works here: Linux, koffi and root. */
export function canEnterNetworkNamespace(): boolean {
  try {
    enterNetworkNamespace().leave()
    return true
  } catch {
    return false
  }
}

/** The system calls of this machine, for a test that has found out that there are some. */
export function nativeSystem(): SystemCalls {
  const { system, reason } = loadNative()
  if (system === undefined) throw new Error(reason)
  return system
}

function check(result: number, what: string): void {
  if (result < 0) throw new Error(`cannot ${what}: ${errnoName(result)}`)
}
