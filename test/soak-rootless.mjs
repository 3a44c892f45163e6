// A rootless gateway that nobody runs, for some minutes: large streams, many flows at once and anew, a client that is
// suspended. Prints a line for each; the exit code is 1 if one fails. Needs root for its namespaces, /dev/net/tun, ip, ss,
// wg, setpriv, curl and wireguard-go. Usage: npm run soak:rootless -- [--megabytes 1000] [--flows 2000] [--rate 500]
// [--seconds 60], the last of which is of the new flows and of the suspended client.
import { readdirSync } from 'node:fs'
import { chmod, chown, mkdtemp } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cpuSeconds, residentMemory } from '../bench/lib/process-figures.mjs'
import { startClient } from '../bench/lib/rootless-client.mjs'
import {
  CLIENT_END,
  EGRESS,
  GATEWAY,
  GATEWAY_END,
  RootlessWorld,
  SERVER,
  SERVER_END,
} from '../bench/lib/rootless-world.mjs'
import { run } from '../bench/lib/world.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const MAIN = here('../packages/millrace/dist/cli/main.js')
const SERVER_PROGRAM = here('support/rootless-gateway-server.mjs')
const CLIENT_PROGRAM = here('support/rootless-gateway-client.mjs')
/** nobody, on every Linux. */
const NOBODY = 65_534
const UNPRIVILEGED = [
  ...['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'],
  ...['--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all'],
]
/** What a process may have grown by, after what it did before: the collector takes its time. */
const GROWTH = 1.25
const SETTLE = 60_000
const LONG = { timeout: 600_000 }

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    flows: { type: 'string', default: '2000' },
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '60' },
  },
})
const megabytes = Number(values.megabytes)
const seconds = Number(values.seconds)
const rate = Number(values.rate)

const world = new RootlessWorld()
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void world.remove().then(() => process.exit(130)))
let failures = 0
try {
  await soak()
} catch (error) {
  failures++
  console.error(error.message)
} finally {
  await world.remove()
}
process.exitCode = failures === 0 ? 0 : 1

async function soak() {
  await world.make()
  await world.run(CLIENT_END, ['sysctl', '-qw', 'net.ipv4.ip_local_port_range=1024 65535'])
  const server = world.start(SERVER_END, ['node', SERVER_PROGRAM])
  await server.until(() => server.stdout.includes('ready'))
  const { pid } = await startGateway()
  // It is alone there as yet.
  const client = Number(await run(['ip', 'netns', 'pids', basename(world.clientNamespace)]))
  const fds = descriptors(pid)

  const expected = await direct(megabytes)
  await check('download', () => transfer(pid, async () => (await download(megabytes)) === expected))
  await check('upload', () => transfer(pid, async () => (await does('upload', `${megabytes * 1e6}`)) === 'same'))
  await check(`${values.flows} flows at once`, async () => {
    const before = residentMemory(pid).now
    const same = await does('flows', values.flows)
    return [
      same === values.flows,
      `${same} whole; resident ${mebibytes(before)}, then ${mebibytes(residentMemory(pid).now)}`,
    ]
  })
  await check(`${rate} new flows a second for ${seconds} s`, async () => {
    await does('churn', `${rate}`, '15') // until then it compiles, and its memory finds its size
    const before = residentMemory(pid).now
    const cpu = cpuSeconds(pid)
    const { opened, failed } = JSON.parse(await does('churn', `${rate}`, `${seconds}`))
    const cost = ((cpuSeconds(pid) - cpu) / opened) * 1000
    const isFlat = () => residentMemory(pid).now < before * GROWTH
    const isFree = async () => descriptors(pid) <= fds && (await openSockets()) === 0
    const isOver = await until(async () => isFlat() && (await isFree()))
    const memory = `resident ${mebibytes(before)}, then ${mebibytes(residentMemory(pid).now)}`
    const left = `${descriptors(pid) - fds} descriptors and ${await openSockets()} TCP sockets left`
    const told = `${opened} whole, failed ${JSON.stringify(failed)}; ${cost.toFixed(2)} ms of CPU each; ${memory}; ${left}`
    return [isOver && opened === rate * seconds, told]
  })
  await check(`a client suspended for ${seconds} s in its download`, async () => {
    const size = Math.min(megabytes, 200)
    const begun = performance.now()
    const done = download(size, '--limit-rate', '20M')
    await pause(2000)
    process.kill(client, 'SIGSTOP')
    await pause(seconds * 1000)
    process.kill(client, 'SIGCONT')
    const resumed = performance.now()
    const isSame = (await done) === (await direct(size))
    const rest = ((performance.now() - resumed) / 1000).toFixed(1)
    return [
      isSame,
      `${size} MB whole, ${rest} s after it went on, ${((performance.now() - begun) / 1000).toFixed(1)} s in all`,
    ]
  })
  await check('the server sees one address', () => {
    const seen = new Set(server.stdout.split('\n').flatMap((line) => line.split(' ')[1] ?? []))
    seen.delete(SERVER) // it asks itself, to compare
    return [seen.size === 1 && seen.has(EGRESS), [...seen].join(', ')]
  })
}

async function check(name, work) {
  const begun = performance.now()
  const [isGood, told] = await work()
  if (!isGood) failures++
  const took = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(`${isGood ? 'ok    ' : 'FAILED'}  ${name} (${took} s): ${told}`)
}

/** With the client connected. */
async function startGateway() {
  await chmod(world.folder, 0o711)
  const home = await mkdtemp(join(world.folder, 'home'))
  await chown(home, NOBODY, NOBODY)
  const flags = ['--state', join(home, 'state'), '--public', GATEWAY, '--egress-ip', EGRESS, '--json']
  const gateway = world.start(GATEWAY_END, [...UNPRIVILEGED, process.execPath, MAIN, 'gateway', ...flags])
  await gateway.until(() => gateway.stdout.includes('\n'))
  const { firstPeer } = JSON.parse(gateway.stdout.split('\n')[0])
  const value = (key) => new RegExp(`^${key} = ([^,\\s]+)`, 'm').exec(firstPeer.config)?.[1]
  await startClient(
    world,
    { command: () => ['wireguard-go', '-f'], env: {} },
    {
      privateKey: value('PrivateKey'),
      address: value('Address').split('/')[0],
      publicKey: value('PublicKey'),
      presharedKey: value('PresharedKey'),
      endpoint: value('Endpoint'),
    },
  )
  return gateway
}

async function transfer(pid, work) {
  const before = cpuSeconds(pid)
  const begun = performance.now()
  const isSame = await work()
  const took = (performance.now() - begun) / 1000
  const cpu = (cpuSeconds(pid) - before) / (megabytes / 1000)
  return [isSame, `${megabytes} MB in ${took.toFixed(1)} s, ${cpu.toFixed(1)} s of CPU per GB`]
}

/** What rootless-gateway-client.mjs prints. */
async function does(what, ...words) {
  return (await world.run(CLIENT_END, ['node', CLIENT_PROGRAM, what, SERVER, ...words], LONG)).trim()
}

function download(size, ...options) {
  return sha256(CLIENT_END, size, options)
}

function direct(size) {
  return sha256(SERVER_END, size, [])
}

function sha256(end, size, options) {
  const curl = ['curl', '-sS', '--fail', ...options, `http://${SERVER}/${size * 1e6}`].join(' ')
  return world.run(end, ['sh', '-c', `${curl} | sha256sum`], LONG)
}

/** Of the gateway, those that have ended and only wait out their time not counted. */
async function openSockets() {
  const lines = await world.run(GATEWAY_END, ['ss', '-Htan', 'exclude', 'time-wait'])
  return lines.split('\n').filter((line) => line !== '').length
}

function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).length
}

function mebibytes(number) {
  return `${Math.round(number)} MiB`
}

async function until(condition) {
  const deadline = performance.now() + SETTLE
  while (performance.now() < deadline) {
    if (await condition()) return true
    await pause(500)
  }
  return await condition()
}
