import type { Logger, StackEvent } from '@millrace/core'

/** Logs what the layers of a stack tell: `peer laptop: session up endpoint=192.0.2.1:51820`. */
export function logEvent(logger: Logger, { line, event }: StackEvent): void {
  const { type, peer, ...rest } = event as { type?: string; peer?: { name: string } }
  const fields: Record<string, unknown> = { layer: line, ...(peer === undefined ? {} : { peer: peer.name }) }
  for (const [key, value] of Object.entries(rest)) {
    fields[key] = typeof value === 'object' && value !== null ? String(value) : value
  }
  logger.info(fields, (type ?? 'event').replaceAll('-', ' '))
}
