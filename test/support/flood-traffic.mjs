// The traffic of an established peer while there is a flood. Usage:
//   node flood-traffic.mjs sink PORT              counts what arrives; prints `ready`, and every 50 ms `TIME PACKETS`
//   node flood-traffic.mjs source ADDRESS PORT RATE   so many datagrams a second, evenly, until it is ended
// TIME is Unix time in milliseconds.
import { createSocket } from 'node:dgram'

const SIZE = 1200
const EVERY = 50
const [kind, ...words] = process.argv.slice(2)
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })

if (kind === 'sink') {
  let packets = 0
  socket.on('message', () => packets++)
  socket.bind(Number(words[0]), () => console.log('ready'))
  setInterval(() => console.log(`${Date.now()} ${packets}`), EVERY)
} else {
  const [address, port, rate] = words
  const payload = Buffer.alloc(SIZE, 0x5a)
  const began = performance.now()
  let sent = 0
  setInterval(() => {
    const due = Math.min(((performance.now() - began) / 1000) * Number(rate), sent + 1000)
    for (; sent < due; sent++) socket.send(payload, Number(port), address)
  }, 1)
  setInterval(() => console.log(`${Date.now()} ${sent}`), EVERY)
}
