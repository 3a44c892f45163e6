// What further threads bring: a gateway with two peers in memory, `wireguard({ threads })` with 1 and with the given number
// in turns. Its wire discards and its host counts, so only our end costs CPU. Down is from the host to the wire, up from
// the wire to the host (sealed before by the peers and played then). Every packet is checked to have come through.
// Beside it stands how much the machine itself does at once, in the same round: two AEAD loops on two threads against one.
// `npm run build` first.
// Usage: node bench/threads.mjs [threads = 2] [rounds = 9]
import { runParallelCapacity } from './lib/capacity.mjs'
import { HEADER, MSS, SUPER_SEGMENTS, superPacket, tcpPacket } from './lib/packets.mjs'
import { median } from './lib/statistics.mjs'
import { twoPeers } from './lib/two-peers.mjs'

const THREADS = Number(process.argv[2] ?? 2)
const ROUNDS = Number(process.argv[3] ?? 9)

const loads = {
  'super-packets of 64 KB': {
    make: superPacket,
    batch: 4,
    segments: SUPER_SEGMENTS,
    segment: [MSS, HEADER],
    batches: 100,
  },
  'packets of 1,420 bytes': {
    make: (fields) => tcpPacket(HEADER + MSS, fields),
    batch: 64,
    segments: 1,
    segment: [0, 0],
    batches: 150,
  },
}

/** Runs `work`; packets of 1,420 bytes per second of time, and of CPU time. */
async function timed(work) {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const packets = await work()
  const took = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { rate: packets / took, cpu: (user + system) / 1000 / took }
}

for (const [name, load] of Object.entries(loads)) {
  const results = { down: new Map(), up: new Map() }
  const capacity = []
  for (let round = 0; round <= ROUNDS; round++) {
    if (round > 0) capacity.push(await runParallelCapacity())
    for (const threads of [1, THREADS]) {
      const gateway = await twoPeers(threads, load)
      await gateway.down(30)
      const down = await timed(() => gateway.down(load.batches))
      await gateway.record(30)
      await gateway.up()
      await gateway.record(load.batches)
      const up = await timed(() => gateway.up())
      await gateway.stop()
      if (round === 0) continue
      for (const [way, result] of Object.entries({ down, up })) {
        const all = results[way].get(threads) ?? []
        all.push(result)
        results[way].set(threads, all)
      }
    }
  }
  console.log(
    `\n${name} (two AEAD loops at once: ${median(capacity).toFixed(2)} times one, ${Math.min(...capacity).toFixed(2)} to ${Math.max(...capacity).toFixed(2)})`,
  )
  console.log(
    '| | 1 thread, Gbit/s | CPU | ratio | ' +
      `${THREADS} threads, Gbit/s | CPU | ratio of medians | median of ratios | best |`,
  )
  for (const way of ['down', 'up']) {
    const [one, more] = [results[way].get(1), results[way].get(THREADS)]
    const rate = (all) => median(all.map(({ rate }) => rate))
    const gigabits = (all) => ((rate(all) * 1420 * 8) / 1e6).toFixed(2)
    const cpu = (all) => `${(median(all.map(({ cpu }) => cpu)) * 100).toFixed(0)} %`
    const ratios = more.map(({ rate }, i) => rate / one[i].rate)
    console.log(
      `| ${way} | ${gigabits(one)} | ${cpu(one)} | 1 | ${gigabits(more)} | ${cpu(more)} | ${(rate(more) / rate(one)).toFixed(2)} | ${median(ratios).toFixed(2)} | ${Math.max(...ratios).toFixed(2)} |`,
    )
  }
}
process.exit(0)
