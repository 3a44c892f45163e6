/**
 * What:  A static-IP egress gateway in a dozen lines: what a client sends through the tunnel goes out to the world from
 *        one address of the gateway's own, and nothing reaches port 25.
 *
 *            clients ══ UDP ══ WireGuard ══ allowed IPs ══ log ══ filter ══ NAT ══ TUN ══ the world, from EGRESS_IP
 *
 *        EGRESS_IP is an address that is routed to this machine and that no interface holds. The stack routes it to the
 *        TUN; forwarding (`sysctl net.ipv4.ip_forward=1`) is yours. The whole job, set-up included: `millrace gateway`.
 * Run:   npm run build && CLIENT=<the client's public key> EGRESS_IP=203.0.113.7 node examples/dist/static-ip-egress.js
 *        as root; PRIVATE_KEY=<from `millrace genkey`> keeps the gateway's key from run to run.
 * Prints:
 *        udp > wireguard > allowedIps > log > filter > nat > tun
 *        10.9.0.2 goes out as 203.0.113.7; the gateway's public key is <its public key>
 */
import {
  allowedIps,
  container,
  filter,
  generatePrivateKey,
  LOGGER,
  log,
  nat,
  stack,
  tun,
  udp,
  wireguard,
} from 'millrace'
import { pino } from 'pino'

const { CLIENT = '', EGRESS_IP = '203.0.113.7', PRIVATE_KEY = generatePrivateKey() } = process.env
container.registerInstance(LOGGER.key, pino(pino.destination(2)))

const tunnel = wireguard({
  privateKey: PRIVATE_KEY,
  peers: [{ name: 'client', publicKey: CLIENT, allowedIps: ['10.9.0.2/32'] }],
})
const gateway = stack(udp({ port: 51820 }))
  .layer(tunnel)
  .layer(allowedIps())
  .layer(log({ sample: 100 }))
  .layer(filter((packet) => packet.destinationPort !== 25))
  .layer(nat({ address: EGRESS_IP }))
  .end(tun({ name: 'egress0', routes: [`${EGRESS_IP}/32`] }))

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const running = await gateway.start({ signal: stop.signal })
console.log(gateway.describe().join(' > '))
console.log(`10.9.0.2 goes out as ${EGRESS_IP}; the gateway's public key is ${tunnel.publicKey}`)
await running.stopped
