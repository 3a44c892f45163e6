// The NAT by the names of RFC 9693: throughput with 1, 10,000 and 500,000 sessions, connection establishment and tear-down
// rate, capacity and memory of the session table. One process, in memory, UDP of 64 bytes in batches of 64, every packet of
// another session than the one before; beside it a forwarder that does nothing, for as many flows, and what it takes to read
// and write one row in as many bytes of memory. Before anything is timed a packet of each session goes both ways and every
// one that comes out is checked. Medians over rounds in which all take turns, in CPU time.
// `npm run build` first. Usage: node --expose-gc bench/nat.mjs [rounds = 15]
import { nat } from 'millrace'
import { MemoryFloor } from './lib/memory-floor.mjs'
import { NatGateway } from './lib/nat-gateway.mjs'
import { median } from './lib/statistics.mjs'

const ROUNDS = Number(process.argv[2] ?? 15)
const SESSIONS = [1, 10_000, 500_000]
const CAPACITY = SESSIONS.at(-1)
/** Of one slice. */
const BATCHES = 400
/** Of memory, in one slice. */
const ROWS = 100_000
/** Times that a table is filled and emptied. */
const FILLINGS = 3
/** New sessions whose rate is looked at apart: the first and the last so many. */
const PART = 50_000
const HOUR = 3_600_000
/** Enough for as many endpoint-independent ports as there are sessions. */
const POOL = Array.from({ length: 10 }, (_, i) => `203.0.113.${i + 1}`)

const layer = (sessions) =>
  nat({ address: POOL, pick: 'per-flow', overflow: 'next', sessions, sessionsPerPeer: sessions })

/** Of this process, ms: what others do meanwhile does not count. */
function cpuTime() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function memory() {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function throughput() {
  const subjects = []
  for (const sessions of SESSIONS) {
    const forwarder = await NatGateway.start(undefined, sessions)
    const gateway = await NatGateway.start(layer(CAPACITY), sessions)
    gateway.open(0, sessions, cpuTime)
    gateway.verify()
    subjects.push({ sessions, floor: new MemoryFloor(sessions), forwarder, gateway, times: [] })
  }
  for (let round = -2; round < ROUNDS; round++) {
    for (const { floor, forwarder, gateway, times } of subjects) {
      const time = {
        up: gateway.slice(BATCHES, true, cpuTime),
        down: gateway.slice(BATCHES, false, cpuTime),
        forwarderUp: forwarder.slice(BATCHES, true, cpuTime),
        forwarderDown: forwarder.slice(BATCHES, false, cpuTime),
        floor: floor.slice(ROWS, cpuTime),
      }
      if (round >= 0) times.push(time)
    }
  }
  for (const { forwarder, gateway } of subjects) {
    await forwarder.stop()
    await gateway.stop()
  }
  return subjects
}

/** A table filled to the brim and emptied again. */
async function fill() {
  const before = memory()
  const subject = layer(CAPACITY)
  const gateway = await NatGateway.start(subject, CAPACITY)
  const started = memory()
  const parts = []
  for (let flow = 0; flow < CAPACITY; flow += PART) parts.push(gateway.open(flow, flow + PART, cpuTime))
  const filled = memory()
  gateway.verify()
  const { sessions } = subject.statistics()
  if (sessions.udp !== CAPACITY) throw new Error(`of ${CAPACITY} sessions there are ${sessions.udp}`)
  gateway.clock.skip(HOUR)
  const start = cpuTime()
  const left = subject.statistics().sessions.udp
  const emptied = cpuTime() - start
  if (left !== 0) throw new Error(`${left} sessions did not end`)
  await gateway.stop()
  return { parts, emptied, empty: started - before, full: filled - before }
}

const perSecond = (count, milliseconds) => Math.round((count * 1000) / milliseconds).toLocaleString('en')

const fillings = []
for (let i = 0; i < FILLINGS; i++) fillings.push(await fill())
const figures = await throughput()
console.log(
  '| throughput, ns a packet | up | without NAT | its price | down | without NAT | its price | a row of memory | up, packets a second |',
)
console.log('| --- | --: | --: | --: | --: | --: | --: | --: | --: |')
for (const { sessions, times } of figures) {
  const typical = (of) => median(times.map(of)).toFixed(0)
  const cells = [
    `${sessions.toLocaleString('en')} session${sessions > 1 ? 's' : ''}`,
    typical(({ up }) => up),
    typical(({ forwarderUp }) => forwarderUp),
    typical(({ up, forwarderUp }) => up - forwarderUp),
    typical(({ down }) => down),
    typical(({ forwarderDown }) => forwarderDown),
    typical(({ down, forwarderDown }) => down - forwarderDown),
    typical(({ floor }) => floor),
    perSecond(1e6, median(times.map(({ up }) => up))),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

const middle = (of) => median(fillings.map(of))
const all = middle(({ parts }) => parts.reduce((sum, took) => sum + took, 0))
console.log('\n| session table | |')
console.log('| --- | --: |')
console.log(`| sessions that it was filled with, all that it takes | ${CAPACITY.toLocaleString('en')} |`)
console.log(`| connection establishment, 1/s | ${perSecond(CAPACITY, all)} |`)
console.log(
  `| of these the first ${PART.toLocaleString('en')} | ${perSecond(
    PART,
    middle(({ parts }) => parts[0]),
  )} |`,
)
console.log(
  `| the last ${PART.toLocaleString('en')} | ${perSecond(
    PART,
    middle(({ parts }) => parts.at(-1)),
  )} |`,
)
console.log(
  `| connection tear-down, 1/s | ${perSecond(
    CAPACITY,
    middle(({ emptied }) => emptied),
  )} |`,
)
// The first time, as later ones may take what earlier ones have left.
const [{ empty, full }] = fillings
console.log(`| bytes a session, at start | ${(empty / CAPACITY).toFixed(0)} |`)
console.log(`| bytes a session, when full | ${(full / CAPACITY).toFixed(0)} |`)
