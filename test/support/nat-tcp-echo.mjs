// TCP there and back. Usage: node nat-tcp-echo.mjs server ADDRESS PORT, prints "ready"; or node nat-tcp-echo.mjs client
// ADDRESS PORT BYTES, prints how many bytes came back as they were sent.
import { randomBytes } from 'node:crypto'
import { connect, createServer } from 'node:net'

const [role, host, port, bytes] = process.argv.slice(2)
if (role === 'server') {
  createServer((socket) => socket.pipe(socket)).listen(Number(port), host, () => console.log('ready'))
} else {
  const sent = randomBytes(Number(bytes))
  let returned = 0
  const socket = connect(Number(port), host, () => socket.write(sent))
  socket.on('data', (part) => {
    if (!part.equals(sent.subarray(returned, returned + part.length))) throw new Error(`not as sent, at ${returned}`)
    returned += part.length
    if (returned === sent.length) socket.end(() => console.log(returned))
  })
}
