// Gateways that need no root, in turns: a client's TCP and UDP leave from ordinary sockets of the gateway. Verifies the
// bytes, then measures, then prints a table and stores it under bench/results/ (JSON and markdown). Needs root for its
// namespaces, /dev/net/tun, ip, ss, wg, setpriv, iperf3 and, for those to compare with, go, slirp4netns and pasta.
//
// Usage: npm run bench:rootless -- [--rounds 3] [--seconds 2] [--only millrace,gvisor] [--measures up1,down1] [--markdown]
//   --rounds    how often all of it is repeated; the table has the medians
//   --seconds   length of each measure
//   --only      of millrace, gvisor, slirp4netns, pasta
//   --measures  of memory, verify, up1, down1, up8, down8, flows, echo, peak
//   --cache     where peers are built, once (~/.cache/millrace-bench)
//   --profile   a file for the CPU profile of the last Millrace gateway
//   --markdown  prints the table as it goes into docs/performance.md
// MTU 1420 for all. Millrace and the gVisor gateway run as nobody, without capabilities, and their client is wireguard-go;
// slirp4netns and pasta carry no tunnel. Figures are of the gateway's process; a ratio above 1 is better for Millrace.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeMachine } from './lib/machine.mjs'
import { findGateways } from './lib/rootless-gateways.mjs'
import { GROUPS } from './lib/rootless-measures.mjs'
import { readRootlessOptions } from './lib/rootless-options.mjs'
import { summarize } from './lib/rootless-table.mjs'
import { RootlessTraffic } from './lib/rootless-traffic.mjs'
import { congestionControl, RootlessWorld } from './lib/rootless-world.mjs'
import { markdownTable, plainTable } from './lib/table.mjs'

const options = readRootlessOptions()
const note = (text) => console.error(text)
if (process.getuid() !== 0) {
  note('bench: needs root, for network namespaces')
  process.exit(1)
}
const gateways = await findGateways({ ...options, note })
for (const { title, version } of gateways) note(`${title}: ${version}`)

const results = Object.fromEntries(gateways.map(({ name }) => [name, []]))
const world = new RootlessWorld()
const traffic = new RootlessTraffic(world, options.seconds)
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void world.remove().then(() => process.exit(130)))
try {
  await world.make()
  await traffic.startServers()
  for (let round = 0; round < options.rounds; round++) {
    // Each round begins with another one, so that nobody always follows the same.
    for (let i = 0; i < gateways.length; i++) {
      const gateway = gateways[(i + round) % gateways.length]
      note(`round ${round + 1} of ${options.rounds}: ${gateway.title}`)
      results[gateway.name].push(await measureOnce(gateway))
    }
  }
} finally {
  await world.remove()
}

/** The rows of the table by key. A measure that fails is told of and has no row; the others go on. */
async function measureOnce(gateway) {
  const rows = {}
  let running
  try {
    running = await gateway.start(world)
    await traffic.connected()
    for (const name of options.measures) {
      try {
        const taken = await GROUPS[name]({ traffic, pid: running.pid })
        note(`  ${JSON.stringify(taken)}`)
        Object.assign(rows, taken)
      } catch (error) {
        note(`  ${name} failed: ${error.message}`)
        if (name === 'verify') break
      }
    }
  } catch (error) {
    note(`  failed: ${error.message}`)
  } finally {
    await running?.stop()
  }
  return rows
}

const machine = describeMachine()
const { columns, rows } = summarize(gateways, results)
const table = markdownTable(columns, { rows })
const { cpu, cores, memory, kernel, system, node, openssl } = machine
const facts = [
  `${cpu}, ${cores} cores, ${memory}; Linux ${kernel}, ${system}; Node.js ${node}, OpenSSL ${openssl}.`,
  `Medians of ${options.rounds} interleaved rounds, ${options.seconds} s a measure; TCP ${congestionControl()}.`,
  ...gateways.map(({ title, version }) => `${title}: ${version}.`),
].join('\n')
console.log(`\n${options.markdown ? table : plainTable(table)}\n\n${facts}`)

const folder = fileURLToPath(new URL('results/', import.meta.url))
const stamp = `rootless-${new Date().toISOString().replace(/:/g, '-').slice(0, 19)}`
mkdirSync(folder, { recursive: true })
const versions = gateways.map(({ name, title, version }) => ({ name, title, version }))
const { rounds, seconds } = options
const record = { machine, rounds, seconds, gateways: versions, rows, results }
writeFileSync(`${folder}${stamp}.json`, `${JSON.stringify(record, null, 2)}\n`)
writeFileSync(`${folder}${stamp}.md`, `${table}\n\n${facts}\n`)
note(`\nstored as bench/results/${stamp}.json and .md`)
