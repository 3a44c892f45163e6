/**
 * Which of UDP_SEGMENT (`send`) and UDP_GRO (`receive`) a kernel does well, by its release (uname -r): UDP_GRO hands out wrong sizes before 5.12, and
 * 7.0 to 7.1.4 corrupt trains whose last datagram is as long as the others.
 */
export function soundOffloads(release: string): { readonly send: boolean; readonly receive: boolean } {
  const [major = 0, minor = 0, patch = 0] = release.split(/[.-]/, 3).map((part) => Number.parseInt(part, 10) || 0)
  const corrupting = major === 7 && (minor === 0 || (minor === 1 && patch < 5))
  return { send: !corrupting, receive: major > 5 || (major === 5 && minor >= 12) }
}
