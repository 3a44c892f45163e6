// Short and idle TCP connections for rootless.mjs. In each a byte goes to the server, which answers with its complement.
//
// Usage: node bench/rootless-flows.mjs serve ADDRESS          until SIGTERM
//        node bench/rootless-flows.mjs short ADDRESS COUNT    connections one after the other, 64 at once; prints { rate }
//        node bench/rootless-flows.mjs hold ADDRESS COUNT     opens as many, prints "open", holds them until SIGTERM
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const PORT = 5203
const AT_ONCE = 64
/** A first byte from here asks for the connection to stay. */
const STAY = 128
const [role, address, text] = process.argv.slice(2)
const count = Number(text)

if (role === 'serve') {
  const server = createServer((socket) => {
    socket.once('data', ([byte]) => {
      const answer = Buffer.of(byte ^ 255)
      // Who ends first keeps the port for a minute: so the server, which has but one.
      if (byte < STAY) socket.end(answer)
      else socket.write(answer)
    })
    socket.on('error', () => {}) // the client tells
  })
  server.listen({ port: PORT, host: address, backlog: 4096 }, () => console.log('ready'))
} else if (role === 'short') {
  await exchange(connect(PORT, address), 0) // the way is known then
  let next = 0
  const began = performance.now()
  const one = async () => {
    while (next < count) {
      const socket = connect({ port: PORT, host: address, noDelay: true })
      const closed = once(socket, 'close')
      await exchange(socket, next++ % STAY)
      await closed
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  console.log(JSON.stringify({ rate: (count / (performance.now() - began)) * 1000 }))
} else {
  const sockets = []
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () => connect(PORT, address))
    await Promise.all(some.map((socket, i) => exchange(socket, STAY + (i % STAY))))
    sockets.push(...some)
  }
  console.log('open')
  process.once('SIGTERM', () => {
    for (const socket of sockets) socket.end()
  })
}

async function exchange(socket, byte) {
  socket.write(Buffer.of(byte))
  const [answer] = await once(socket, 'data')
  if (answer.length !== 1 || answer[0] !== (byte ^ 255)) throw new Error(`got ${answer.toString('hex')} for ${byte}`)
}
