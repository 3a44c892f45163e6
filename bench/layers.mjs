// The price of a layer: an IP stack in memory with one line in it, compared with the same stack without, in nanoseconds
// per packet of 1,400 bytes (batches of 64) and per super-packet of 64 KB (batches of 8, 47 segments each). Every line
// costs its edge too, which counts packets and drops. Medians over rounds in which all take turns, in CPU time. `npm run build` first.
// Usage: node bench/layers.mjs [rounds = 25]
import { filter, liftBatch, log, nat, stack, tap } from 'millrace'
import { CountingEnd, RepeatingEnd } from './lib/memory-ends.mjs'
import { HEADER, MSS, SUPER_SEGMENTS, superPacket, tcpPacket } from './lib/packets.mjs'
import { median } from './lib/statistics.mjs'

const ROUNDS = Number(process.argv[2] ?? 25)
/** Time of one stack in one round, ms. */
const SLICE = 15
const FLOWS = 8
/** The first flow's source port. */
const PORT = 40_000

function counter() {
  const counts = { packets: 0, bytes: 0 }
  return tap((packet) => {
    counts.packets += packet.segments
    counts.bytes += packet.length
  })
}

const notSmtp = () => filter((packet) => packet.destinationPort !== 25)
const address = { address: '203.0.113.7' }

/** By name, the lines of a stack. The first is what the others are compared with. */
const subjects = {
  'empty stack': () => [],
  'identity, plain': () => [{ name: 'identity', layer: (inner) => inner }],
  'identity, lifted': () => [liftBatch('identity', () => {})],
  'log, none sampled': () => [log({ sample: 2 ** 40 })],
  'log, 1 in 1,000, without output': () => [log({ sample: 1000 })],
  counter: () => [counter()],
  filter: () => [notSmtp()],
  NAT: () => [nat(address)],
  'log, filter and NAT': () => [log({ sample: 1000 }), notSmtp(), nat(address)],
}

const loads = {
  packet: { batch: 64, segments: 1, make: (i) => tcpPacket(1400, { port: PORT + (i % FLOWS) }), segment: [0, 0] },
  'super-packet': {
    batch: FLOWS,
    segments: SUPER_SEGMENTS,
    make: (i) => superPacket({ port: PORT + i }),
    segment: [MSS, HEADER],
  },
}

/** A stack that runs, with all its packets through once. */
async function prepare(lines, { batch, make, segments, segment }) {
  const [source, sink] = [new RepeatingEnd(), new CountingEnd()]
  let stacked = stack(source)
  for (const line of lines) stacked = stacked.layer(line)
  const running = await stacked.end(sink).start()
  const packets = (count, packetOf) => Array.from({ length: count }, (_, i) => packetOf(i))
  // NAT knows a TCP connection only from its SYN on.
  const opening = (i) => tcpPacket(HEADER, { port: PORT + i, flags: 'SYN' })
  source.load(packets(FLOWS, opening), 0, 0)
  source.serve()
  sink.packets = 0
  source.load(packets(batch, make), ...segment)
  source.serve()
  if (sink.packets !== batch * segments) throw new Error(`of ${batch * segments} packets ${sink.packets} came through`)
  return { source, sink, running, batch, segments, times: [] }
}

/** Of this process, ms: what others do meanwhile does not count. */
function cpuTime() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Nanoseconds per packet, or per super-packet. */
function slice({ source, sink, batch, segments }) {
  const before = sink.packets
  const start = cpuTime()
  let serves = 0
  let took = 0
  while (took < SLICE) {
    for (let i = 0; i < 20; i++) source.serve()
    serves += 20
    took = cpuTime() - start
  }
  if (sink.packets - before !== serves * batch * segments) throw new Error('packets were lost')
  return (took * 1e6) / (serves * batch)
}

async function measure(load) {
  const prepared = new Map()
  for (const [name, lines] of Object.entries(subjects)) prepared.set(name, await prepare(lines(), load))
  for (const subject of prepared.values()) slice(subject)
  for (let round = 0; round < ROUNDS; round++) {
    for (const subject of prepared.values()) subject.times.push(slice(subject))
  }
  for (const { running } of prepared.values()) await running.stop()
  const [empty] = prepared.values()
  return [...prepared].map(([name, { times }]) => {
    const price = times.map((time, round) => time - empty.times[round])
    return { name, total: median(times), price: median(price) }
  })
}

console.log('| ns | per packet | its price | per super-packet | its price | its price per segment |')
console.log('| --- | --: | --: | --: | --: | --: |')
const [packets, superPackets] = [await measure(loads.packet), await measure(loads['super-packet'])]
for (const [i, { name, total, price }] of packets.entries()) {
  const whole = superPackets[i]
  const cells = [total, price, whole.total, whole.price, whole.price / SUPER_SEGMENTS].map((ns) => ns.toFixed(1))
  if (i === 0) for (const column of [1, 3, 4]) cells[column] = ''
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
