// The rows of the table, and how each is taken, in this order; `take` returns the rows that it fills.
import { setTimeout as pause } from 'node:timers/promises'
import { cpuSeconds, residentMemory } from './process-figures.mjs'

/** `better`: which way is better, `more` or `less`. */
export const ROWS = [
  { key: 'up1', title: 'TCP to the server, 1 flow', unit: 'Mbit/s', better: 'more' },
  { key: 'up8', title: 'TCP to the server, 8 flows', unit: 'Mbit/s', better: 'more' },
  { key: 'down1', title: 'TCP to the client, 1 flow', unit: 'Mbit/s', better: 'more' },
  { key: 'down8', title: 'TCP to the client, 8 flows', unit: 'Mbit/s', better: 'more' },
  { key: 'flows', title: 'short TCP connections', unit: '1/s', better: 'more' },
  { key: 'echo', title: 'UDP, 1,200 bytes there and back', unit: '1/s', better: 'more' },
  { key: 'cpuUp', title: 'CPU of the gateway, 1 flow to the server', unit: 's/GB', better: 'less' },
  { key: 'cpuDown', title: 'CPU of the gateway, 1 flow to the client', unit: 's/GB', better: 'less' },
  { key: 'cpuFlow', title: 'CPU of the gateway, a short connection', unit: 'ms', better: 'less' },
  { key: 'memoryFlow', title: 'memory of an idle TCP flow', unit: 'KiB', better: 'less' },
  { key: 'memoryIdle', title: 'resident memory, idle', unit: 'MiB', better: 'less' },
  { key: 'memoryPeak', title: 'resident memory, peak', unit: 'MiB', better: 'less' },
]

/** Few enough for a gateway that limits new flows of one client to 2,000 at once and 1,000 a second. */
const SHORT_FLOWS = 1500
const IDLE_FLOWS = 1000
const WARM_UP_FLOWS = 100
/** Verified before anything is measured, each way; it warms up whoever compiles as it runs. */
const VERIFIED_BYTES = 64 << 20
/** Until what a flow only needs at its beginning is gone, milliseconds. */
const SETTLE = 1000

/** With a gateway up, `{ traffic, pid }`. */
export const GROUPS = {
  memory: async ({ traffic, pid }) => {
    await traffic.flows(WARM_UP_FLOWS)
    await pause(SETTLE)
    const idle = residentMemory(pid).now
    const open = await traffic.whileOpen(IDLE_FLOWS, async () => {
      await pause(SETTLE)
      return residentMemory(pid).now
    })
    return { memoryIdle: idle, memoryFlow: ((open - idle) * 1024) / IDLE_FLOWS }
  },
  verify: async ({ traffic }) => {
    await traffic.verify(VERIFIED_BYTES)
    return {}
  },
  up1: async ({ traffic, pid }) => {
    const { work, seconds } = await cpuOf(pid, () => traffic.tcp())
    return { up1: work.rate, cpuUp: seconds / (work.bytes / 1e9) }
  },
  down1: async ({ traffic, pid }) => {
    const { work, seconds } = await cpuOf(pid, () => traffic.tcp({ down: true }))
    return { down1: work.rate, cpuDown: seconds / (work.bytes / 1e9) }
  },
  up8: async ({ traffic }) => ({ up8: (await traffic.tcp({ flows: 8 })).rate }),
  down8: async ({ traffic }) => ({ down8: (await traffic.tcp({ flows: 8, down: true })).rate }),
  flows: async ({ traffic, pid }) => {
    // Each byte is verified; these warm up whoever compiles as it runs.
    await traffic.flows(SHORT_FLOWS)
    const { work, seconds } = await cpuOf(pid, () => traffic.flows(SHORT_FLOWS))
    return { flows: work, cpuFlow: (seconds / SHORT_FLOWS) * 1000 }
  },
  echo: async ({ traffic }) => ({ echo: await traffic.echo() }),
  peak: async ({ pid }) => ({ memoryPeak: residentMemory(pid).peak }),
}

async function cpuOf(pid, start) {
  const before = cpuSeconds(pid)
  const work = await start()
  return { work, seconds: cpuSeconds(pid) - before }
}
