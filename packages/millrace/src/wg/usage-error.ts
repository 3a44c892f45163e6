/** What the caller can mend, in one line. Light: the process that only starts the daemon loads no layer. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
