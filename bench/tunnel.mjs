// TCP and ping through one WireGuard tunnel between two network namespaces, Millrace and wireguard-go in turns. Verifies
// that the tunnel works, then times it. Needs root, wireguard-go, wg, iperf3; `npm run build` first.
// Usage: node bench/tunnel.mjs [rounds = 3] [seconds = 5]
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { generatePrivateKey, publicKeyOf } from '@millrace/layer-wireguard'

const [rounds, seconds] = [Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 5)]
const keys = [generatePrivateKey(), generatePrivateKey()]
const folder = mkdtempSync(`${tmpdir()}/millrace-bench-`)
const run = (...command) => execFileSync(command[0], command.slice(1), { encoding: 'utf8' })
// wg's control sockets lie in one folder for all namespaces, so the two ends need different names.
const device = (i) => `bench${i}`
const inside = (i, ...command) => run('ip', 'netns', 'exec', names[i], ...command)
const names = [0, 1].map((i) => `millrace-bench-${process.pid}-${i}`)
const peer = (i) => ({
  publicKey: publicKeyOf(keys[1 - i]),
  endpoint: `192.0.2.${2 - i}:51820`,
  allowedIps: [`10.9.0.${2 - i}/32`],
})

const running = new Set()

/** Starts a program in one end's namespace; the function returned ends it. */
function start(i, ...command) {
  const child = spawn('ip', ['netns', 'exec', names[i], ...command], { stdio: ['ignore', 'ignore', 'inherit'] })
  const exit = once(child, 'exit')
  const stop = async () => {
    running.delete(stop)
    child.kill()
    await exit
  }
  running.add(stop)
  return { stop, exit }
}

const implementations = {
  millrace: (i) =>
    start(
      i,
      'node',
      new URL('tunnel-end.mjs', import.meta.url).pathname,
      keys[i],
      JSON.stringify(peer(i)),
      `10.9.0.${i + 1}/24`,
      device(i),
    ),
  'wireguard-go': async (i) => {
    start(i, 'sh', '-c', `exec wireguard-go -f ${device(i)} 2>/dev/null`)
    await waitFor(i)
    const { publicKey, endpoint, allowedIps } = peer(i)
    const file = `${folder}/${i}.key`
    writeFileSync(file, `${keys[i]}\n`, { mode: 0o600 })
    const settings = ['listen-port', '51820', 'private-key', file]
    inside(
      i,
      'wg',
      'set',
      device(i),
      ...settings,
      'peer',
      publicKey,
      'endpoint',
      endpoint,
      'allowed-ips',
      allowedIps[0],
    )
    inside(i, 'ip', 'address', 'add', `10.9.0.${i + 1}/24`, 'dev', device(i))
    inside(i, 'ip', 'link', 'set', device(i), 'mtu', '1420', 'up')
  },
}

async function waitFor(i) {
  for (let tries = 0; tries < 100; tries++) {
    if (inside(i, 'ip', '-o', 'link').includes(`${device(i)}:`)) return
    await pause(50)
  }
  throw new Error(`${device(i)} did not come up`)
}

async function measure(name) {
  try {
    for (const i of [0, 1]) await implementations[name](i)
    await Promise.all([waitFor(0), waitFor(1)])
    inside(0, 'ping', '-q', '-c', '3', '-i', '0.2', '-W', '5', '10.9.0.2')
    const ping = /= [\d.]+\/([\d.]+)\//.exec(inside(0, 'ping', '-q', '-c', '50', '-i', '0.02', '10.9.0.2'))[1]
    const server = start(1, 'iperf3', '-s', '-1')
    await pause(300)
    const report = JSON.parse(inside(0, 'iperf3', '-J', '-c', '10.9.0.2', '-t', String(seconds), '-O', '1'))
    await server.exit
    return { tcp: report.end.sum_received.bits_per_second / 1e6, ping: Number(ping) }
  } finally {
    for (const stop of running) await stop()
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const results = Object.fromEntries(Object.keys(implementations).map((name) => [name, []]))
for (const name of names) run('ip', 'netns', 'add', name)
try {
  run('ip', 'link', 'add', 'eth0', 'netns', names[0], 'type', 'veth', 'peer', 'name', 'eth0', 'netns', names[1])
  for (const i of [0, 1]) {
    inside(i, 'ip', 'address', 'add', `192.0.2.${i + 1}/24`, 'dev', 'eth0')
    for (const device of ['lo', 'eth0']) inside(i, 'ip', 'link', 'set', device, 'up')
  }
  for (let round = 0; round < rounds; round++) {
    for (const name of Object.keys(implementations)) results[name].push(await measure(name))
  }
} finally {
  for (const name of names) run('ip', 'netns', 'del', name)
  rmSync(folder, { recursive: true })
}
for (const [name, measured] of Object.entries(results)) {
  const tcp = median(measured.map((result) => result.tcp))
  const ping = median(measured.map((result) => result.ping))
  const ratio = tcp / median(results['wireguard-go'].map((result) => result.tcp))
  console.log(
    `${name.padEnd(14)} TCP ${tcp.toFixed(0).padStart(6)} Mbit/s (${ratio.toFixed(2)}×)   ping ${ping.toFixed(2)} ms`,
  )
}
