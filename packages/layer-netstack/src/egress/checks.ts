import { ConfigurationError } from '@millrace/core'
import { checkWholeNumber } from '../whole-numbers.ts'

// What options must be. Each throws one line that names the option.

export function whole(name: string, value: number, minimum: number, maximum: number): void {
  checkWholeNumber(`sockets ${name}`, value, minimum, maximum)
}

export function positive(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw new ConfigurationError(`sockets ${name}: expected a number above 0, got ${value}`)
}

export function duration(name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return
  throw new ConfigurationError(`sockets ${name}: expected milliseconds, at least 0, got ${value}`)
}

export function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value
  throw new ConfigurationError(`sockets ${name}: expected one of ${allowed.join(', ')}, got "${value}"`)
}
