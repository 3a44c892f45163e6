// Millrace and its peers through the same tunnel, in turns: verifies the bytes, then measures, then prints a table and
// stores it under bench/results/ (JSON and markdown). Needs root, /dev/net/tun, ip, ss, wg, ping and iperf3.
//
// Usage: npm run bench -- [--rounds 3] [--seconds 3] [--only millrace,wireguard-go] [--measures tcp1,udp64] [--markdown]
//   --rounds     how often all of it is repeated; the table has the medians
//   --seconds    length of each measure
//   --only       of millrace, millrace-threads, millrace-layers, wireguard-go (the newest), boringtun, gotatun, wireguard-go-debian
//   --measures   of ping, tcp1, tcp1Back, tcp8, tcp8Back, loadedPing, udp1300, udp64, handshakes
//   --congestion TCP's congestion control, of those that the kernel has; its default (bbr where that is set) decides much
//   --cache      where peers are built, once (~/.cache/millrace-bench); remove it for newer ones
//   --markdown   prints the table as it goes into docs/performance.md
//   --build-only builds the peers and ends
// Two ends of one implementation, MTU 1420, in two network namespaces; `other way` is from the second to the first. The
// UDP figures are payload that arrived; memory is the larger of the two ends; `Millrace : …` above 1 is better.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { findImplementations } from './lib/implementations.mjs'
import { initiationsIn } from './lib/initiations.mjs'
import { describeMachine } from './lib/machine.mjs'
import { readOptions } from './lib/options.mjs'
import { measureOnce } from './lib/round.mjs'
import { markdownTable, plainTable, summarize } from './lib/table.mjs'
import { World } from './lib/world.mjs'

const options = readOptions()
const note = (text) => console.error(text)
const implementations = await findImplementations({ ...options, note })
for (const { title, version } of implementations) note(`${title}: ${version}`)
if (options.buildOnly) process.exit()
if (process.getuid() !== 0) {
  note('bench: needs root, for network namespaces and TUN devices')
  process.exit(1)
}

const wanted = (measure) => options.measures.includes(measure)
const initiations = wanted('handshakes') ? await initiationsIn(options.cache, note) : undefined
const results = Object.fromEntries(implementations.map(({ name }) => [name, []]))
const world = new World()
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void world.remove().then(() => process.exit(130)))
try {
  await world.make(options.congestion)
  for (let round = 0; round < options.rounds; round++) {
    // Each round begins with another one, so that nobody always follows the same.
    for (let i = 0; i < implementations.length; i++) {
      const implementation = implementations[(i + round) % implementations.length]
      note(`round ${round + 1} of ${options.rounds}: ${implementation.title}`)
      const rows = await measureOnce({ world, implementation, initiations, seconds: options.seconds, wanted, note })
      results[implementation.name].push(rows)
    }
  }
} finally {
  await world.remove()
}

const machine = describeMachine()
const summary = summarize(implementations, results)
const table = markdownTable(implementations, summary)
const { cpu, cores, memory, kernel, system, node, openssl } = machine
const facts = [
  `${cpu}, ${cores} cores, ${memory}; Linux ${kernel}, ${system}; Node.js ${node}, OpenSSL ${openssl}.`,
  `Medians of ${options.rounds} interleaved rounds, ${options.seconds} s a measure; TCP ${options.congestion}.`,
  ...implementations.map(({ title, version }) => `${title}: ${version}.`),
].join('\n')
console.log(`\n${options.markdown ? table : plainTable(table)}\n\n${facts}`)

const folder = fileURLToPath(new URL('results/', import.meta.url))
const stamp = new Date().toISOString().replace(/:/g, '-').slice(0, 19)
mkdirSync(folder, { recursive: true })
const versions = implementations.map(({ name, title, version }) => ({ name, title, version }))
const { rounds, seconds, congestion } = options
const record = { machine, rounds, seconds, congestion, implementations: versions, ...summary, results }
writeFileSync(`${folder}${stamp}.json`, `${JSON.stringify(record, null, 2)}\n`)
writeFileSync(`${folder}${stamp}.md`, `${table}\n\n${facts}\n`)
note(`\nstored as bench/results/${stamp}.json and .md`)
