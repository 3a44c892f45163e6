// The NAT by the names of RFC 9693: throughput with 1, 10,000 and 500,000 sessions, connection establishment and tear-down
// rate, capacity and memory of the session table. One process, in memory, UDP of 64 bytes in batches of 64, every packet of
// another session than the one before; beside it a forwarder that does nothing. Before anything is timed a packet of each
// session goes both ways and every one that comes out is checked. Medians over rounds in which all take turns, in CPU time.
// `npm run build` first. Usage: node --expose-gc bench/nat.mjs [rounds = 15]
import { nat } from 'millrace'
import { NatGateway } from './lib/nat-gateway.mjs'
import { median } from './lib/statistics.mjs'

const ROUNDS = Number(process.argv[2] ?? 15)
const SESSIONS = [1, 10_000, 500_000]
const CAPACITY = SESSIONS.at(-1)
/** Of one slice. */
const BATCHES = 400
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
  const gateways = [undefined, ...SESSIONS]
  const subjects = []
  for (const sessions of gateways) {
    const gateway = await NatGateway.start(sessions === undefined ? undefined : layer(CAPACITY), sessions ?? 1)
    if (sessions !== undefined) {
      gateway.open(0, sessions, cpuTime)
      gateway.verify()
    }
    subjects.push({ sessions, gateway, up: [], down: [] })
  }
  for (let round = -2; round < ROUNDS; round++) {
    for (const { gateway, up, down } of subjects) {
      const times = [gateway.slice(BATCHES, true, cpuTime), gateway.slice(BATCHES, false, cpuTime)]
      if (round < 0) continue
      up.push(times[0])
      down.push(times[1])
    }
  }
  for (const { gateway } of subjects) await gateway.stop()
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
const [forwarder] = figures
console.log('| throughput | up, ns a packet | its price | down, ns a packet | its price | up, packets a second |')
console.log('| --- | --: | --: | --: | --: | --: |')
for (const { sessions, up, down } of figures) {
  const price = (way) => median(way === 'up' ? diff(up, forwarder.up) : diff(down, forwarder.down)).toFixed(0)
  const name =
    sessions === undefined ? 'forwarder, no NAT' : `${sessions.toLocaleString('en')} session${sessions > 1 ? 's' : ''}`
  const cells = [median(up).toFixed(0), price('up'), median(down).toFixed(0), price('down'), perSecond(1e6, median(up))]
  if (sessions === undefined) cells[1] = cells[3] = ''
  console.log(`| ${name} | ${cells.join(' | ')} |`)
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

function diff(times, base) {
  return times.map((time, i) => time - base[i])
}
