import type { Offloads } from '../options.ts'

/**
 * By the release (uname -r), as numbers of major, minor and patch: UDP_GRO hands out wrong sizes before 5.12, and
 * 7.0 to 7.1.4 corrupt trains whose last datagram is as long as the others.
 */
export function soundOffloads(release: string): Offloads {
  const [major = 0, minor = 0, patch = 0] = release.split(/[.-]/, 3).map((part) => Number.parseInt(part, 10) || 0)
  const corrupting = major === 7 && (minor === 0 || (minor === 1 && patch < 5))
  return { send: !corrupting, receive: major > 5 || (major === 5 && minor >= 12) }
}
