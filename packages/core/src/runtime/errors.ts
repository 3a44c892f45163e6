/** What a user configured cannot be: names the place and what was expected. The command line prints it and exits with 2. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly code = 'ERR_MILLRACE_CONFIGURATION'
}

/** This machine cannot do what was asked: no root, no TUN, a port in use. One sentence, with what to do about it. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError'
  readonly code = 'ERR_MILLRACE_ENVIRONMENT'
}
