/**
 * What:  A static-IP egress gateway without root, TUN or firewall rules: what a client sends through the tunnel ends in a
 *        stack of our own and starts anew from ordinary sockets, bound to EGRESS_IP, an address of this machine.
 *
 *            clients ══ UDP ══ WireGuard ══ allowed IPs ══ log ══ sockets ══ the world, from EGRESS_IP
 *
 *        Nothing private is reached: no loopback, no metadata service, no address of this machine, no other client. The
 *        whole job, set-up included: `millrace gateway`.
 * Run:   npm run build && CLIENT=<the client's public key> EGRESS_IP=203.0.113.7 node examples/dist/rootless-gateway.js
 *        as anybody; PRIVATE_KEY=<from `millrace genkey`> keeps the gateway's key from run to run.
 * Prints:
 *        udp > wireguard > allowedIps > log > sockets
 *        10.9.0.2 goes out from 203.0.113.7; the gateway's public key is <its public key>
 */
import { allowedIps, container, generatePrivateKey, LOGGER, log, sockets, stack, udp, wireguard } from 'millrace'
import { pino } from 'pino'

const { CLIENT = '', EGRESS_IP = '203.0.113.7', PRIVATE_KEY = generatePrivateKey() } = process.env
container.registerInstance(LOGGER.key, pino(pino.destination(2)))

const tunnel = wireguard({
  privateKey: PRIVATE_KEY,
  peers: [{ name: 'client', publicKey: CLIENT, allowedIps: ['10.9.0.2/32'] }],
})
const world = sockets({ egressIp: EGRESS_IP, gatewayAddress: '10.9.0.1', reservedPorts: [51820] })
const gateway = stack(udp({ port: 51820 }))
  .layer(tunnel)
  .layer(allowedIps())
  .layer(log({ sample: 100 }))
  .end(world)

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
world.events.subscribe((event) => console.error(event))
const running = await gateway.start({ signal: stop.signal })
console.log(gateway.describe().join(' > '))
console.log(`10.9.0.2 goes out from ${EGRESS_IP}; the gateway's public key is ${tunnel.publicKey}`)
await running.stopped
