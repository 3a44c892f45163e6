import { ConfigurationError, ipv4ToNumber } from '@millrace/core'

// What options must be. Each throws one line that names the option.

export function hostAddress(text: string, what: string): number {
  const address = ipv4ToNumber(text, what)
  const first = address >>> 24
  if (first === 0 || first === 127 || first >= 224) {
    throw new ConfigurationError(`${what}: expected the address of a host, got "${text}"`)
  }
  return address
}

export function whole(name: string, value: number, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return
  throw new ConfigurationError(`nat ${name}: expected a whole number from ${minimum} to ${maximum}, got ${value}`)
}

export function duration(name: string, value: number, minimum: number): void {
  if (Number.isFinite(value) && value >= minimum) return
  throw new ConfigurationError(`nat ${name}: expected milliseconds, at least ${minimum}, got ${value}`)
}

export function positive(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw new ConfigurationError(`nat ${name}: expected a number above 0, got ${value}`)
}

export function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value
  throw new ConfigurationError(`nat ${name}: expected one of ${allowed.join(', ')}, got "${value}"`)
}

/** Throws for the first value that comes twice. */
export function distinct(name: string, values: readonly string[]): void {
  const seen = new Set<string>()
  for (const value of values) {
    if (seen.has(value)) throw new ConfigurationError(`nat ${name}: expected each once, got "${value}" twice`)
    seen.add(value)
  }
}
