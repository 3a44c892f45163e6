import { createRequire } from 'node:module'
import { type Token, token } from '@millrace/core'
import type * as Koffi from 'koffi'
import { bindSystemCalls } from './koffi-calls.ts'
import type { SystemCalls } from './system-calls.ts'

/** The native side of this machine, or in a few words why there is none. */
export type Native =
  | { readonly system: SystemCalls; readonly reason?: undefined }
  | { readonly system?: undefined; readonly reason: string }

let native: Native | undefined

/** Probes once and never throws. Without the native side everything portable still works. */
export function loadNative(): Native {
  native ??= probe(process.platform, process.arch, () => createRequire(import.meta.url)('koffi') as typeof Koffi)
  return native
}

/** System calls, or undefined where there are none; `loadNative().reason` says why. Bind it to put others in their place. */
export const SYSTEM_CALLS: Token<SystemCalls | undefined> = token('SystemCalls', () => loadNative().system)

/** As {@link loadNative}, of a given machine. */
export function probe(platform: string, architecture: string, load: () => typeof Koffi): Native {
  if (platform !== 'linux') return { reason: `system calls are bound on Linux only, this is ${platform}` }
  if (architecture !== 'x64' && architecture !== 'arm64') {
    return { reason: `system calls are bound on x64 and arm64 only, this is ${architecture}` }
  }
  try {
    return { system: bindSystemCalls(load()) }
  } catch (error) {
    return { reason: `koffi does not load here (${firstLine(error)})` }
  }
}

function firstLine(error: unknown): string {
  const { message } = error as Partial<Error>
  return (message ?? String(error)).split('\n', 1)[0] as string
}
