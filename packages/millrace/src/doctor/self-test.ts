import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Runtime, stack } from '@millrace/core'
import { sockets } from '@millrace/layer-netstack'
import { udp } from '@millrace/layer-udp'
import { allowedIps, generatePrivateKey, publicKeyOf, wireguard } from '@millrace/layer-wireguard'
import { sourceAddress } from '../gateway/bound-address.ts'
import { connect } from '../tunnel/connect.ts'
import type { Finding } from './finding.ts'

const LOOPBACK = '127.0.0.1'
const SIZE = 2 ** 22
/** Milliseconds for all of it. */
const PATIENCE = 10_000

/**
 * Sends some megabytes to an echo server of this host, through a complete tunnel: a program's end, WireGuard over UDP on
 * loopback, and a rootless gateway. The server has an address of the host's that is not loopback, where no tunnel leads,
 * and answers nobody else. Never rejects.
 */
export async function selfTest(runtime: Runtime): Promise<Finding> {
  const name = 'self-test'
  const own = (await sourceAddress(4)) ?? ownAddress()
  if (own === undefined)
    return { name, state: 'limited', text: 'not run: this machine has no IPv4 address but loopback' }
  try {
    const milliseconds = await sendThroughTunnel(own, runtime)
    const text = `${SIZE / 2 ** 20} MiB there and back through a tunnel on loopback, in ${Math.round(milliseconds)} ms`
    return { name, state: 'good', text }
  } catch (error) {
    return { name, state: 'failed', text: (error as Error).message }
  }
}

async function sendThroughTunnel(own: string, runtime: Runtime): Promise<number> {
  const [gatewayKey, clientKey] = [generatePrivateKey(), generatePrivateKey()]
  const wire = udp({ address: LOOPBACK })
  const client = { name: 'client', publicKey: publicKeyOf(clientKey), allowedIps: ['10.7.0.2/32'] }
  await using gateway = await stack(wire, { runtime })
    .layer(wireguard({ privateKey: gatewayKey, peers: [client] }))
    .layer(allowedIps())
    .end(sockets({ egressIp: own, allow: [`${own}/32`] }))
    .start()
  void gateway
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    if (socket.remoteAddress === own) socket.pipe(socket)
    else socket.destroy()
  })
  server.listen(0, own)
  await once(server, 'listening')
  try {
    const peer = { publicKey: publicKeyOf(gatewayKey), endpoint: `${LOOPBACK}:${wire.port}`, allowedIps: ['0.0.0.0/0'] }
    await using tunnel = await connect(
      { privateKey: clientKey, peers: [peer], addresses: ['10.7.0.2/32'] },
      { runtime, timeout: PATIENCE },
    )
    const began = performance.now()
    await echoes(tunnel.connect((server.address() as AddressInfo).port, own))
    return performance.now() - began
  } finally {
    await closed(server)
  }
}

/** Rejects unless what comes back is what was sent. */
async function echoes(socket: Duplex): Promise<void> {
  const tooLate = setTimeout(() => socket.destroy(new Error(`no more came back within ${PATIENCE} ms`)), PATIENCE)
  try {
    const sent = randomBytes(SIZE)
    socket.end(sent)
    const received = await buffer(socket)
    if (!received.equals(sent)) throw new Error('what came back through the tunnel is not what was sent')
  } finally {
    clearTimeout(tooLate)
  }
}

function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
