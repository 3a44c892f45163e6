// A gateway as people build it, for bench.mjs: the tunnel of millrace-wg with a sampled log, a filter and NAT above it,
// configured by `wg` like any other. Runs in the foreground until SIGTERM.
// Usage: node bench/tunnel-end.mjs DEVICE (as root, after `npm run build`)
import {
  allowedIps,
  bind,
  filter,
  LOGGER,
  log,
  nat,
  runtimeWith,
  serveUapi,
  stack,
  tun,
  udp,
  wireguard,
} from 'millrace'
import { NAT_ADDRESS } from './lib/implementations.mjs'

const [name] = process.argv.slice(2)
const write = (_fields, message) => process.stderr.write(`${message}\n`)
const logger = { debug() {}, info: write, warn: write, error: write }

const device = wireguard({})
const running = await stack(udp(), { runtime: runtimeWith(bind(LOGGER, logger)) })
  .layer(device)
  .layer(allowedIps())
  .layer(log({ sample: 1000 }))
  .layer(filter((packet) => packet.destinationPort !== 25))
  .layer(nat({ address: NAT_ADDRESS }))
  .end(tun({ name }))
  .start()
const uapi = await serveUapi({ name, target: device.target })

process.once('SIGTERM', async () => {
  await uapi.close()
  await running.stop()
})
