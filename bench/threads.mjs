// What further threads bring: a gateway with two peers in memory, `wireguard({ threads })` with 1 and with the given number
// in turns. Its wire discards and its host counts, so only our end costs CPU. Down is from the host to the wire, up from
// the wire to the host (sealed before by the peers, then played). Every packet is checked to have come through.
//
// Shared machines do not always give two cores: beside it stands how much more two threads seal at once than one, measured
// in each round, and the ratio over those rounds alone in which that was 1.7 or more. `npm run build` first.
// Usage: node bench/threads.mjs [threads = 2] [rounds = 15]
import { parallelCapacity } from './lib/capacity.mjs'
import { HEADER, MSS, SUPER_SEGMENTS, superPacket, tcpPacket } from './lib/packets.mjs'
import { median } from './lib/statistics.mjs'
import { twoPeers } from './lib/two-peers.mjs'

const THREADS = Number(process.argv[2] ?? 2)
const ROUNDS = Number(process.argv[3] ?? 15)
/** Batches of one measure: what goes up has to be recorded before. */
const BATCHES = { down: 1500, up: 250 }
const TWO_CORES = 1.7

const loads = {
  'super-packets of 64 KB, 4 a batch': {
    make: superPacket,
    batch: 4,
    segments: SUPER_SEGMENTS,
    segment: [MSS, HEADER],
  },
  'packets of 1,420 bytes, 64 a batch': {
    make: (fields) => tcpPacket(HEADER + MSS, fields),
    batch: 64,
    segments: 1,
    segment: [0, 0],
  },
}

/** Packets per millisecond, and cores used. */
async function timed(work) {
  const before = process.cpuUsage()
  const start = performance.now()
  const packets = await work()
  const took = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  return { rate: packets / took, cores: (user + system) / 1000 / took }
}

async function measure(load) {
  const gateways = [await twoPeers(1, load), await twoPeers(THREADS, load)]
  const rounds = []
  for (let round = 0; round <= ROUNDS; round++) {
    const result = { capacity: await parallelCapacity(), down: [], up: [] }
    for (const gateway of gateways) {
      result.down.push(await timed(() => gateway.down(BATCHES.down)))
      await gateway.record(BATCHES.up)
      result.up.push(await timed(() => gateway.up()))
    }
    // The first is for the compiler.
    if (round > 0) rounds.push(result)
  }
  for (const gateway of gateways) await gateway.stop()
  return rounds
}

function report(name, rounds) {
  const capacities = rounds.map(({ capacity }) => capacity)
  const free = rounds.filter(({ capacity }) => capacity >= TWO_CORES)
  console.log(`\n${name}; two threads seal ${median(capacities).toFixed(2)} times what one does (median)\n`)
  console.log(
    `| | 1 thread, Gbit/s | cores | ${THREADS} threads, Gbit/s | cores | ratio | ratio in the ${free.length} of ${rounds.length} rounds on two free cores |`,
  )
  console.log('| --- | --: | --: | --: | --: | --: | --: |')
  for (const way of ['down', 'up']) {
    const cells = [0, 1].flatMap((i) => [
      ((median(rounds.map((round) => round[way][i].rate)) * (HEADER + MSS) * 8) / 1e6).toFixed(1),
      median(rounds.map((round) => round[way][i].cores)).toFixed(2),
    ])
    const ratio = (of) => median(of.map((round) => round[way][1].rate / round[way][0].rate)).toFixed(2)
    console.log(`| ${way} | ${cells.join(' | ')} | ${ratio(rounds)} | ${ratio(free)} |`)
  }
}

for (const [name, load] of Object.entries(loads)) report(name, await measure(load))
