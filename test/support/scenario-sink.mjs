// Takes what scenario-source.mjs sends, over TCP and UDP, IPv4 and IPv6, at port 5201. A TCP stream is answered by its
// sha256. Of datagrams it counts those that came whole, not whole, and more than once, and tells when asked by `report`.
// Prints `datagram NUMBER` for those that carry a number alone.
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

const PORT = 5201
const DIGEST = 32

const tcp = createServer({ allowHalfOpen: true }, (socket) => {
  const hash = createHash('sha256')
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => hash.update(chunk))
  socket.on('end', () => socket.end(hash.digest('hex')))
})

const udp = createSocket({ type: 'udp6', recvBufferSize: 4 << 20 })
let seen = new Set()
let count = { whole: 0, broken: 0, twice: 0 }
udp.on('message', (message, { address, port }) => {
  const text = message.length < DIGEST ? message.toString() : ''
  if (text === 'report') udp.send(JSON.stringify(count), port, address)
  else if (text === 'begin') {
    seen = new Set()
    count = { whole: 0, broken: 0, twice: 0 }
    udp.send('begun', port, address)
  } else if (text !== '') console.log(`datagram ${text}`)
  else if (!createHash('sha256').update(message.subarray(DIGEST)).digest().equals(message.subarray(0, DIGEST))) {
    count.broken++
  } else {
    const number = message.readUInt32BE(DIGEST)
    if (seen.has(number)) count.twice++
    else count.whole++
    seen.add(number)
  }
})

tcp.listen(PORT, '::', () => udp.bind(PORT, '::', () => console.log('ready')))
