// Whether the hot path of a tunnel is steady: two WireGuard stacks joined in memory, and over a million packets what is
// allocated per packet and where (V8's sampling heap profiler, garbage included), what the heap has grown by, and how
// often optimized code was thrown away. All packets are checked to have arrived. `npm run build` first.
// Usage: node bench/steady.mjs [packets = 1000000]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allocationSites, countAllocations } from './lib/heap-profile.mjs'
import { memoryTunnel } from './lib/memory-tunnel.mjs'
import { HEADER, MSS, SUPER_SEGMENTS, superPacket, tcpPacket } from './lib/packets.mjs'

const PACKETS = Number(process.argv[2] ?? 1_000_000)
/** Packets before anything is counted: what is hot has been compiled then. */
const WARM_UP = Math.ceil(PACKETS / 5)
const SITES = 12
/** Of the process that measures: V8 writes to its standard output too. */
const REPORT = 3

const loads = {
  'packets of 1,420 bytes in batches of 64': { bytes: tcpPacket(HEADER + MSS), batch: 64, packets: 1, segment: [0, 0] },
  'super-packets of 64 KB, one a batch': {
    bytes: superPacket(),
    batch: 1,
    packets: SUPER_SEGMENTS,
    segment: [MSS, HEADER],
  },
}

if (process.env.BENCH_DEOPT_LOG === undefined) await runWatched()
else for (const [name, load] of Object.entries(loads)) await measure(name, load)

/** Starts this script again with V8 telling of thrown away code in a file. */
async function runWatched() {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-steady-'))
  const log = join(folder, 'deoptimized')
  const flags = ['--expose-gc', '--trace-deopt', '--redirect-code-traces', `--redirect-code-traces-to=${log}`]
  const env = { ...process.env, BENCH_DEOPT_LOG: log }
  const child = spawn(process.execPath, [...flags, ...process.argv.slice(1)], {
    stdio: ['ignore', 'ignore', 2, 1],
    env,
  })
  const [code] = await once(child, 'exit')
  rmSync(folder, { recursive: true })
  process.exitCode = code ?? 1
}

async function measure(name, { bytes, batch, packets, segment }) {
  const tunnel = await memoryTunnel()
  const rounds = (count) => Math.ceil(count / (batch * packets))
  const send = (count) => {
    for (let i = 0; i < count; i++) tunnel.up(bytes, batch, ...segment)
  }
  tunnel.open(tcpPacket(HEADER))
  send(rounds(WARM_UP))
  const before = tunnel.received
  const deoptimized = deoptimizations().length
  const heap = usedHeap()
  const start = process.cpuUsage()
  const profile = countAllocations(() => send(rounds(PACKETS)))
  const { user, system } = process.cpuUsage(start)
  const growth = usedHeap() - heap
  const lost = deoptimizations().slice(deoptimized)
  const sent = rounds(PACKETS) * batch * packets
  say(
    `\n${name}: ${sent.toLocaleString('en')} packets, ${(((user + system) * 1000) / sent).toFixed(0)} ns of CPU time each`,
  )
  const arrived = tunnel.received - before
  if (arrived !== sent) {
    say(`  ${arrived} arrived: ${tunnel.drops()}`)
    process.exitCode = 1
  }
  const { total, sites } = allocationSites(profile)
  say(`  allocated per packet: ${(total / sent).toFixed(2)} bytes; heap afterwards: ${signed(growth)} KiB`)
  for (const { site, size } of sites.slice(0, SITES)) say(`    ${(size / sent).toFixed(2).padStart(8)}  ${site}`)
  say(`  optimized code thrown away: ${lost.length} times`)
  for (const line of lost) say(`    ${line}`)
  await tunnel.stop()
}

function usedHeap() {
  globalThis.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function say(line) {
  writeSync(REPORT, `${line}\n`)
}

function signed(bytes) {
  return `${bytes > 0 ? '+' : ''}${(bytes / 1024).toFixed(0)}`
}

/** What V8 has told so far: which function, and why. */
function deoptimizations() {
  const text = readIfThere(process.env.BENCH_DEOPT_LOG)
  const pattern = /\[bailout \(kind: ([\w-]+), reason: ([^)]*)\).*?<JSFunction ([^ >]*)/g
  return [...text.matchAll(pattern)].map(([, kind, reason, name]) => `${name}: ${reason} (${kind})`)
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // V8 makes it with the first entry.
  }
}
