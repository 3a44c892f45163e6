/** One value, and what it is of. */
export interface MetricSample {
  /** Of a histogram: which of its series, to be put behind the name. */
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric in the manner of OpenMetrics: a counter counts from start on, the buckets of a histogram include lower ones. */
export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly MetricSample[]
}

export function sample(value: number, labels: Readonly<Record<string, string>> = {}): MetricSample {
  return { labels, value }
}

export function counter(name: string, help: string, samples: readonly MetricSample[]): Metric {
  return { name, type: 'counter', help, samples }
}

export function gauge(name: string, help: string, samples: readonly MetricSample[]): Metric {
  return { name, type: 'gauge', help, samples }
}
