const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Aborted by the first signal that asks this process to end. Further ones change nothing: npm, for one, passes on a
 * Ctrl-C that the terminal has sent here as well.
 */
export function endSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of SIGNALS) process.on(signal, () => controller.abort())
  return controller.signal
}
