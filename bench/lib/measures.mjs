// The rows of the table, and how each is taken. A group shares a set-up; `take` returns the rows it fills.
import { fileURLToPath } from 'node:url'
import { publicKeyOf } from 'millrace'
import { Interface, PORT } from './interface.mjs'
import { cpuSeconds, residentMemory } from './process-figures.mjs'
import { outerAddress } from './world.mjs'

const HANDSHAKE_LOAD = fileURLToPath(new URL('../handshake-load.mjs', import.meta.url))

/** `better`: which way is better, `more` or `less`. */
export const ROWS = [
  { key: 'tcp1', title: 'TCP, 1 flow', unit: 'Mbit/s', better: 'more' },
  { key: 'tcp1Back', title: 'TCP, 1 flow, other way', unit: 'Mbit/s', better: 'more' },
  { key: 'tcp8', title: 'TCP, 8 flows', unit: 'Mbit/s', better: 'more' },
  { key: 'tcp8Back', title: 'TCP, 8 flows, other way', unit: 'Mbit/s', better: 'more' },
  { key: 'udp64', title: 'UDP received, 64 bytes', unit: 'Mbit/s', better: 'more' },
  { key: 'udp1300', title: 'UDP received, 1,300 bytes', unit: 'Mbit/s', better: 'more' },
  { key: 'pingP50', title: 'ping p50, idle', unit: 'ms', better: 'less' },
  { key: 'pingP99', title: 'ping p99, idle', unit: 'ms', better: 'less' },
  { key: 'loadedPingP50', title: 'ping p50, under TCP load', unit: 'ms', better: 'less' },
  { key: 'loadedPingP99', title: 'ping p99, under TCP load', unit: 'ms', better: 'less' },
  { key: 'cpu', title: 'CPU, both ends, TCP', unit: 's/GB', better: 'less' },
  { key: 'memoryIdle', title: 'resident memory, idle', unit: 'MiB', better: 'less' },
  { key: 'memoryPeak', title: 'resident memory, peak', unit: 'MiB', better: 'less' },
  { key: 'handshakes', title: 'handshakes answered', unit: '1/s', better: 'more' },
  { key: 'startup', title: 'start-up', unit: 'ms', better: 'less' },
  { key: 'loopDelayP99', title: 'event-loop delay p99, under TCP load', unit: 'ms', better: 'less' },
]

/** Taken in this order with a tunnel up, `{ traffic, pids, ends, implementation }`. */
export const TUNNEL_GROUPS = {
  ping: async ({ traffic }) => {
    const { p50, p99 } = await traffic.ping()
    return { pingP50: p50, pingP99: p99 }
  },
  tcp1: async ({ traffic, pids }) => {
    const used = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
    const before = used()
    const { rate, bytes } = await traffic.tcp()
    return { tcp1: rate, cpu: (used() - before) / (bytes / 1e9) }
  },
  tcp1Back: async ({ traffic }) => ({ tcp1Back: (await traffic.tcp({ back: true })).rate }),
  tcp8: async ({ traffic }) => ({ tcp8: (await traffic.tcp({ flows: 8 })).rate }),
  tcp8Back: async ({ traffic }) => ({ tcp8Back: (await traffic.tcp({ flows: 8, back: true })).rate }),
  loadedPing: async ({ traffic, ends, implementation, seconds }) => {
    const load = traffic.tcp({ seconds: seconds + 1 })
    const delay = implementation.tellsLoopDelay ? ends.map(({ program }) => loopDelay(program, seconds)) : []
    const pings = await Promise.allSettled([traffic.ping({ seconds }), load, ...delay])
    const failed = pings.find(({ status }) => status === 'rejected')
    if (failed) throw failed.reason
    const [{ p50, p99 }, , ...delays] = pings.map(({ value }) => value)
    const row = { loadedPingP50: p50, loadedPingP99: p99 }
    return delays.length === 0 ? row : { ...row, loopDelayP99: Math.max(...delays.map((delay) => delay.p99)) }
  },
  udp1300: async ({ traffic }) => ({ udp1300: await traffic.udp(1300) }),
  udp64: async ({ traffic }) => ({ udp64: await traffic.udp(64) }),
}

/** Names that may be asked for. */
export const MEASURES = [...Object.keys(TUNNEL_GROUPS), 'handshakes']

export const idleMemory = (pids) => ({ memoryIdle: Math.max(...pids.map((pid) => residentMemory(pid).now)) })
export const peakMemory = (pids) => ({ memoryPeak: Math.max(...pids.map((pid) => residentMemory(pid).peak)) })

/** A responder with many peers, fresh: how many of their initiations it answers in a second. */
export async function handshakes({ world, implementation, initiations, seconds }) {
  const responder = new Interface(world, 1)
  try {
    await responder.start(implementation)
    await responder.configureResponder(initiations)
    // Whoever looks at its interface now and then notices within this that it is up.
    await listens(world, responder.program)
    const { privateKey, messages } = initiations
    const where = [outerAddress(1), `${PORT}`]
    const load = ['node', HANDSHAKE_LOAD, messages, publicKeyOf(privateKey), ...where, `${seconds}`]
    const { rate } = JSON.parse(await world.run(0, load, { timeout: (seconds + 20) * 1000 }))
    return { handshakes: rate, startup: responder.startup }
  } finally {
    await responder.stop()
  }
}

function listens(world, program) {
  const command = ['ss', '-Hluan', `sport = :${PORT}`]
  return program.until(async () => (await world.run(1, command)) !== '', { interval: 20 })
}

/** See loop-delay.mjs. */
async function loopDelay(program, seconds) {
  const before = program.stdout.length
  program.signal('SIGUSR2')
  const end = performance.now() + seconds * 1000
  await program.until(() => performance.now() > end, { interval: 50 })
  program.signal('SIGUSR2')
  await program.until(() => program.stdout.indexOf('\n', before) > 0, { interval: 20 })
  return JSON.parse(program.stdout.slice(before)).loopDelay
}
