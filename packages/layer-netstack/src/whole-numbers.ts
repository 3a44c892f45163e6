import { ConfigurationError } from '@millrace/core'

/** Default, least and most. */
export type Range = readonly [number, number, number]

/** Throws a ConfigurationError that names `what` if `value` is no whole number from `minimum` to `maximum`. */
export function checkWholeNumber(what: string, value: number, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return
  throw new ConfigurationError(`${what}: expected a whole number from ${minimum} to ${maximum}, got ${value}`)
}

/**
 * The options named in `ranges`, each as it was given or its default. Throws a ConfigurationError that names `what` and
 * the option if one is no whole number within its range.
 */
export function readWholeNumbers<K extends string>(
  what: string,
  options: { readonly [name in K]?: number | undefined },
  ranges: Readonly<Record<K, Range>>,
): Record<K, number> {
  const settings: Partial<Record<K, number>> = {}
  for (const name of Object.keys(ranges) as K[]) {
    const [standard, minimum, maximum] = ranges[name]
    const value = options[name] ?? standard
    checkWholeNumber(`${what} ${name}`, value, minimum, maximum)
    settings[name] = value
  }
  return settings as Record<K, number>
}
