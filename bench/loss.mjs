// Goodput of our TCP with a kernel at the other end, over a link that loses packets and takes its time, side by side with
// another kernel in its place. Prints a table; the exit code is 1 where ours has less than half. Needs root for its
// namespaces, /dev/net/tun, ip and nft.
//
// Usage: npm run build && node bench/loss.mjs [--rounds 3] [--seconds 8] [--delay 20] [--loss 0.1,1,5]
//   --delay  of the link, milliseconds each way; --loss, per cent of the packets each way

import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CLIENT_END, congestionControl, EGRESS, GATEWAY_END, RootlessWorld, SERVER_END } from './lib/rootless-world.mjs'
import { median } from './lib/statistics.mjs'

const script = (name) => fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
/** The link ends at a router, which loses what it forwards: of what it drops by itself a kernel would know. */
const NEAR = CLIENT_END
const ROUTER = GATEWAY_END
const FAR = SERVER_END
const NEAR_ADDRESS = '10.8.0.1'
const ROUTER_ADDRESS = '10.8.0.2/24'
const WORST = 0.5

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    delay: { type: 'string', default: '20' },
    loss: { type: 'string', default: '0.1,1,5' },
  },
})
const WAYS = [
  ['down', 'sent to the kernel'],
  ['up', 'received from it'],
]
const cells = values.loss.split(',').flatMap((loss) => WAYS.map(([way, title]) => ({ loss, way, title })))
const rates = { kernel: cells.map(() => []), netstack: cells.map(() => []) }

const world = new RootlessWorld()
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void world.remove().then(() => process.exit(130)))
try {
  await world.make()
  await world.run(ROUTER, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
  await world.run(FAR, ['ip', 'route', 'add', '10.8.0.0/24', 'via', EGRESS])
  // Each packet is lost by itself.
  await world.run(FAR, ['ip', 'link', 'set', 'eth0', 'gso_max_segs', '1'])
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const near of ['kernel', 'netstack']) await measureAll(near)
  }
} finally {
  await world.remove()
}
report()

async function measureAll(near) {
  const link = world.start(NEAR, ['node', script('loss-link'), near, NEAR_ADDRESS, values.delay])
  await link.until(() => link.stdout.includes('ready'))
  await world.run(NEAR, ['ip', 'link', 'set', 'far0', 'netns', `millrace-bench-${process.pid}-${ROUTER}`])
  await world.run(ROUTER, ['ip', 'address', 'add', ROUTER_ADDRESS, 'dev', 'far0'])
  await world.run(ROUTER, ['ip', 'link', 'set', 'far0', 'up'])
  if (near === 'kernel') {
    await world.run(NEAR, ['ip', 'link', 'set', 'near0', 'gso_max_segs', '1'])
    await world.run(NEAR, ['ip', 'route', 'add', '198.51.100.0/24', 'dev', 'near0'])
  }
  const server = near === 'kernel' && world.start(NEAR, ['node', script('loss-ends'), 'serve', NEAR_ADDRESS])
  if (server) await server.until(() => server.stdout.includes('ready'))
  for (const [i, { loss, way }] of cells.entries()) {
    await lose(Number(loss))
    const words = ['node', script('loss-ends'), 'measure', NEAR_ADDRESS, way, values.seconds]
    const { rate } = JSON.parse(await world.run(FAR, words, { timeout: (Number(values.seconds) + 60) * 1000 }))
    rates[near][i].push(rate)
    console.error(`${near}, ${loss} %, ${way}: ${rate.toFixed(2)} Mbit/s`)
  }
  if (server) await server.stop()
  await link.stop()
}

/** So many per cent of the packets, both ways. */
async function lose(percent) {
  const rule = `oifname { "far0", "eth1" } numgen random mod 1000 < ${Math.round(percent * 10)} counter drop`
  await world.run(ROUTER, ['nft', 'flush', 'ruleset'])
  const chain = `chain forward { type filter hook forward priority 0; ${rule}; }`
  if (percent > 0) await world.run(ROUTER, ['nft', `table ip lossy { ${chain}; }`])
}

function report() {
  console.log(`Mbit/s over a link of ${values.delay} ms each way; kernel: Linux, ${congestionControl()}`)
  for (const [i, { loss, title }] of cells.entries()) {
    const [kernel, ours] = [median(rates.kernel[i]), median(rates.netstack[i])]
    const ratio = ours / kernel
    if (ratio < WORST) process.exitCode = 1
    const figures = [kernel, ours, ratio].map((figure) => figure.toFixed(2).padStart(8))
    console.log(
      `${loss.padStart(4)} %  ${title.padEnd(20)} kernel ${figures[0]}  ours ${figures[1]}  ratio ${figures[2]}`,
    )
  }
}
