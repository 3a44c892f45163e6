type LookupFailure = 'ENOTFOUND' | 'EAI_AGAIN'

/** An error with the fields that those of `dns.lookup` have. */
export function lookupError(code: LookupFailure, hostname: string, cause?: unknown): NodeJS.ErrnoException {
  const error = new Error(`lookup ${code} ${hostname}`, cause === undefined ? undefined : { cause })
  return Object.assign(error, { code, syscall: 'lookup', hostname })
}
