import { constants } from 'node:os'
import { ConfigurationError } from '@millrace/core'

// The numbers of this system; here are those of Linux.
/** 5 */
export const EIO: number = constants.errno.EIO
/** 22 */
export const EINVAL: number = constants.errno.EINVAL
/** 71 */
export const EPROTO: number = constants.errno.EPROTO

/** A refusal with the number that the client is told. Its message is logged: it never holds a key. */
export class UapiError extends Error {
  override readonly name = 'UapiError'
  readonly errno: number

  /** `errno` is positive; the sign on the wire depends on the operation. */
  constructor(errno: number, message: string) {
    super(message)
    this.errno = errno
  }
}

/** The number for whatever a target threw, or for what was the cause of that: EIO if nothing better is known. */
export function errnoOf(error: unknown): number {
  if (error instanceof UapiError) return error.errno
  if (error instanceof ConfigurationError) return EINVAL
  const code = codeOf(error) ?? (error instanceof Error ? codeOf(error.cause) : undefined)
  const numbers: Readonly<Record<string, number>> = constants.errno
  return (code !== undefined && Object.hasOwn(numbers, code) && numbers[code]) || EIO
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}
