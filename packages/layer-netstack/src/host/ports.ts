import { ConfigurationError } from '@millrace/core'

/** Throws a ConfigurationError that names `what` for anything but a number from `least` to 65,535. */
export function checkPort(port: number, what: string, least = 0): void {
  if (Number.isInteger(port) && port >= least && port <= 65_535) return
  throw new ConfigurationError(`${what}: expected a number from ${least} to 65535, got ${port}`)
}
