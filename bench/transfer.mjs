// Random bytes through one TCP connection, first to the server, then back, with their SHA-256 at both ends. Each end
// prints what it sent and received as one line of JSON; bench.mjs compares the two.
// Usage: node bench/transfer.mjs serve|connect ADDRESS BYTES
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const PORT = 5202
const PIECE = 1 << 18
const [role, address, size] = process.argv.slice(2)
const bytes = Number(size)

if (role === 'serve') {
  const server = createServer().listen(PORT, address, () => console.log('ready'))
  const [socket] = await once(server, 'connection')
  server.close()
  const received = await receive(socket)
  report({ received, sent: await send(socket) })
  socket.end()
} else {
  const socket = connect(PORT, address)
  const sent = await send(socket)
  report({ sent, received: await receive(socket) })
  socket.end()
}

async function send(socket) {
  const hash = createHash('sha256')
  for (let left = bytes; left > 0; left -= PIECE) {
    const piece = randomBytes(Math.min(PIECE, left))
    hash.update(piece)
    if (!socket.write(piece)) await once(socket, 'drain')
  }
  return hash.digest('hex')
}

async function receive(socket) {
  const hash = createHash('sha256')
  let left = bytes
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    hash.update(piece)
    left -= piece.length
    if (left <= 0) break
  }
  if (left !== 0) throw new Error(`${left} bytes are missing`)
  return hash.digest('hex')
}

function report(hashes) {
  console.log(JSON.stringify(hashes))
}
