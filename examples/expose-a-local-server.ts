/**
 * What:  The other way round: a server that listens on this machine's loopback only becomes a service inside the tunnel,
 *        under an address of the tunnel, without root and without an open port outside. Here the gateway that its clients
 *        come from is in the same program, so it runs anywhere.
 *
 *            a client in the tunnel ──▶ 10.9.0.2:8080 ══ WireGuard ══ this program ──▶ a server on 127.0.0.1
 *
 * Run:   npm run build && node examples/dist/expose-a-local-server.js
 * Prints:
 *        10.9.0.2:8080 in the tunnel is a server of this machine's
 *        from the gateway: 200, written by a server on 127.0.0.1
 *        a megabyte up and back again: intact
 *        10.9.0.2:8081 is not exposed: ECONNREFUSED
 */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect as connectLocally } from 'node:net'
import { pipeline } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { allowedIps, connect, generatePrivateKey, netstack, publicKeyOf, stack, udp, wireguard } from 'millrace'

// Any server of this machine's; it knows nothing of tunnels.
const server = createServer(async (incoming, response) => {
  const body = await buffer(incoming)
  response.end(body.length > 0 ? body : `written by a server on ${incoming.socket.localAddress}`)
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const local = (server.address() as AddressInfo).port

// A gateway somewhere: here a host inside the tunnel stands for all that comes from there.
const keys = { near: generatePrivateKey(), gateway: generatePrivateKey() }
const gateway = netstack({ addresses: ['10.9.0.1'] })
const wire = udp({ address: '127.0.0.1' })
await using _ = await stack(wire)
  .layer(
    wireguard({ privateKey: keys.gateway, peers: [{ publicKey: publicKeyOf(keys.near), allowedIps: ['10.9.0.2'] }] }),
  )
  .layer(allowedIps())
  .end(gateway)
  .start()

// The tunnel, and what is exposed in it.
await using tunnel = await connect({
  privateKey: keys.near,
  addresses: ['10.9.0.2/24'],
  peers: [
    {
      publicKey: publicKeyOf(keys.gateway),
      endpoint: `127.0.0.1:${wire.port}`,
      allowedIps: ['10.9.0.0/24'],
      persistentKeepalive: 25,
    },
  ],
})
tunnel.listen({ port: 8080, allowHalfOpen: true }, (inside) => {
  const outside = connectLocally({ port: local, host: '127.0.0.1', allowHalfOpen: true })
  pipeline(inside, outside, inside, () => {})
})
console.log("10.9.0.2:8080 in the tunnel is a server of this machine's")

/** What a client that comes through the gateway gets. */
async function call(body: Buffer): Promise<{ readonly status: number | undefined; readonly body: Buffer }> {
  const createConnection = () => gateway.dial({ address: '10.9.0.2', port: 8080 })
  const calling = request({ host: '10.9.0.2', method: 'POST', createConnection })
  calling.end(body)
  const [response] = await once(calling, 'response')
  return { status: response.statusCode, body: await buffer(response) }
}

const answer = await call(Buffer.alloc(0))
console.log(`from the gateway: ${answer.status}, ${answer.body}`)
const megabyte = Buffer.alloc(1_000_000, 'tunnel')
console.log(`a megabyte up and back again: ${(await call(megabyte)).body.equals(megabyte) ? 'intact' : 'damaged'}`)
const [refused] = await once(gateway.dial({ address: '10.9.0.2', port: 8081 }), 'error')
console.log(`10.9.0.2:8081 is not exposed: ${refused.code}`)
server.close()
