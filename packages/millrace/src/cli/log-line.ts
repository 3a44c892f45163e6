const LEVELS: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

interface Entry {
  readonly level: number
  readonly time: string
  readonly msg?: string
  readonly err?: { readonly message?: string }
}

/** A JSON line of pino's as one for people: `12:00:00.000 info  session up peer=laptop`. */
export function formatLine(json: string): string {
  const { level, time, msg = '', err, ...rest } = JSON.parse(json) as Entry & Record<string, unknown>
  const fields = Object.entries({ ...rest, ...(err === undefined ? {} : { error: err.message ?? err }) })
    .filter(([key]) => key !== 'layer')
    .map(([key, value]) => ` ${key}=${valueText(value)}`)
  const line = `${time.slice(11, 23)} ${(LEVELS[level] ?? String(level)).padEnd(5)} ${msg}${fields.join('')}`
  return `${line.replace(/\p{Cc}/gu, '?')}\n`
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(value)
}
