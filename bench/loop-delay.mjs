// Preloaded (`node --import`) into a program under test: the delay of its event loop. The first SIGUSR2 begins a
// measurement, the next ends it and prints the delay's p50, p99 and maximum in ms as one line of JSON on standard output.
import { monitorEventLoopDelay } from 'node:perf_hooks'

// The histogram holds the time between two ticks of a timer: what is above the timer's own interval is delay.
const INTERVAL = 1
let histogram

process.on('SIGUSR2', () => {
  if (histogram === undefined) {
    histogram = monitorEventLoopDelay({ resolution: INTERVAL })
    histogram.enable()
    return
  }
  histogram.disable()
  const milliseconds = (nanoseconds) => Math.max(nanoseconds / 1e6 - INTERVAL, 0)
  const [p50, p99, maximum] = [histogram.percentile(50), histogram.percentile(99), histogram.max].map(milliseconds)
  process.stdout.write(`${JSON.stringify({ loopDelay: { p50, p99, maximum } })}\n`)
  histogram = undefined
})
