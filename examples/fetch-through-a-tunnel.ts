/**
 * What:  fetch through a WireGuard tunnel that belongs to this program alone: no root, no interface, no routes, names and
 *        all. Here the far end is in the same program, a gateway with a web server and a name server inside the tunnel,
 *        so it runs anywhere; elsewhere it takes three lines and the path of a client's configuration:
 *
 *            await using tunnel = await connect('client.conf')
 *            const dispatcher = tunnel.dispatcher()
 *            const answer = await fetch('https://example.org/', { dispatcher })
 *
 * Run:   npm run build && node examples/dist/fetch-through-a-tunnel.js
 * Prints:
 *        http://10.9.0.1/ says: hello, 10.9.0.2
 *        the same over http.get: hello, 10.9.0.2
 *        50 at once: 50 answered
 *        http://192.0.2.1/ is not in the tunnel: EHOSTUNREACH
 *        a name, without a name server in the tunnel: none outside of the tunnel is asked
 */
import { createServer, get } from 'node:http'
import { text } from 'node:stream/consumers'
import { allowedIps, connect, generatePrivateKey, netstack, publicKeyOf, stack, udp, wireguard } from 'millrace'

// The far end: a host of its own inside the tunnel, that serves http to whoever comes through it.
const keys = { near: generatePrivateKey(), far: generatePrivateKey() }
const web = createServer((request, response) => response.end(`hello, ${request.socket.remoteAddress}`))
const host = netstack({ addresses: ['10.9.0.1'] })
host.listen({ port: 80 }, (socket) => web.emit('connection', socket))
const wire = udp({ address: '127.0.0.1' })
await using _ = await stack(wire)
  .layer(wireguard({ privateKey: keys.far, peers: [{ publicKey: publicKeyOf(keys.near), allowedIps: ['10.9.0.2'] }] }))
  .layer(allowedIps())
  .end(host)
  .start()

// The near end, as wg-quick would have it. A file's path does as well.
await using tunnel = await connect(`
  [Interface]
  PrivateKey = ${keys.near}
  Address = 10.9.0.2/24
  [Peer]
  PublicKey = ${publicKeyOf(keys.far)}
  Endpoint = 127.0.0.1:${wire.port}
  AllowedIPs = 10.9.0.0/24
`)
const dispatcher = tunnel.dispatcher()

const answer = await fetch('http://10.9.0.1/', { dispatcher })
console.log(`http://10.9.0.1/ says: ${await answer.text()}`)

const response = await new Promise<Parameters<typeof text>[0]>((resolve) => {
  get('http://10.9.0.1/', { agent: tunnel.agent() }, resolve)
})
console.log(`the same over http.get: ${await text(response)}`)

const answers = await Promise.all(Array.from({ length: 50 }, () => fetch('http://10.9.0.1/', { dispatcher })))
const texts = await Promise.all(answers.map((each) => each.text()))
console.log(`50 at once: ${texts.filter((each) => each === 'hello, 10.9.0.2').length} answered`)

// What the allowed IPs do not contain never leaves, by the tunnel or past it.
const causeOf = (error: Error & { cause?: NodeJS.ErrnoException }): NodeJS.ErrnoException => error.cause ?? error
const outside = await fetch('http://192.0.2.1/', { dispatcher }).catch(causeOf)
console.log(`http://192.0.2.1/ is not in the tunnel: ${'code' in outside ? outside.code : ''}`)
const named = await fetch('http://example.org/', { dispatcher }).catch(causeOf)
const reason = 'message' in named ? named.message.replace(/^.*DNS server, and /, '') : ''
console.log(`a name, without a name server in the tunnel: ${reason}`)
