import type { Metric, MetricSample } from './metric.ts'

/** Counts values by size. Allocates nothing as it does. */
export class Histogram {
  readonly #bounds: readonly number[]
  /** By the first bound that is not below the value; behind them, what is above all. */
  readonly #counts: Float64Array
  #sum = 0

  /** Upper bounds of the buckets, ascending; each is part of its own. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    let place = 0
    while (place < this.#bounds.length && value > (this.#bounds[place] as number)) place++
    this.#counts[place] = (this.#counts[place] as number) + 1
    this.#sum += value
  }

  metric(name: string, help: string): Metric {
    let count = 0
    const samples: MetricSample[] = []
    for (const [place, bound] of [...this.#bounds, Number.POSITIVE_INFINITY].entries()) {
      count += this.#counts[place] as number
      const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : `${bound}`
      samples.push({ suffix: '_bucket', labels: { le }, value: count })
    }
    samples.push({ suffix: '_sum', labels: {}, value: this.#sum }, { suffix: '_count', labels: {}, value: count })
    return { name, type: 'histogram', help, samples }
  }
}
