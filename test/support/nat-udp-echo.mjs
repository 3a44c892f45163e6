// UDP there and back. Usage: node nat-udp-echo.mjs server ADDRESS PORT, prints "ready"; or node nat-udp-echo.mjs client
// ADDRESS PORT BYTES, sends one datagram until it comes back, and prints how many bytes did as they were sent.
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'

const [role, host, port, bytes] = process.argv.slice(2)
const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
if (role === 'server') {
  socket.on('message', (data, from) => socket.send(data, from.port, from.address))
  socket.bind(Number(port), host, () => console.log('ready'))
} else {
  const sent = randomBytes(Number(bytes))
  const send = () => socket.send(sent, Number(port), host)
  // The first may be lost: it is how the sender learns the size of the path.
  const timer = setInterval(send, 200)
  socket.on('message', (data) => {
    clearInterval(timer)
    console.log(data.equals(sent) ? data.length : 'not as sent')
    socket.close()
  })
  send()
}
