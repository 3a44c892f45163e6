// UDP requests and answers of 1,200 bytes for rootless.mjs.
//
// Usage: node bench/rootless-echo.mjs serve ADDRESS             until SIGTERM
//        node bench/rootless-echo.mjs ask ADDRESS SECONDS       32 requests under way; prints { rate } of right answers
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'

const PORT = 5204
const SIZE = 1200
const WINDOW = 32
/** Milliseconds until a request without an answer is lost. */
const LOST = 200
const [role, address, text] = process.argv.slice(2)
const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 })

if (role === 'serve') {
  socket.on('message', (bytes, { port, address: from }) => socket.send(bytes, port, from))
  socket.bind(PORT, address, () => console.log('ready'))
} else {
  socket.connect(PORT, address)
  await once(socket, 'connect')
  let answers = 0
  /** What each request under way says in its first bytes, and when it was sent. */
  const asked = Array.from({ length: WINDOW }, (_, i) => ({ number: i, at: 0, bytes: Buffer.alloc(SIZE, i + 1) }))
  const ask = (slot) => {
    slot.number += WINDOW
    slot.bytes.writeUInt32BE(slot.number)
    slot.at = performance.now()
    socket.send(slot.bytes)
  }
  let isOver = false
  socket.on('message', (bytes) => {
    const slot = asked[bytes.readUInt32BE() % WINDOW]
    if (!bytes.equals(slot.bytes)) return // late, or wrong: then it stays without an answer
    answers++
    if (!isOver) ask(slot)
  })
  for (const slot of asked) ask(slot)
  const began = performance.now()
  const end = began + Number(text) * 1000
  while (performance.now() < end) {
    await pause(20)
    const now = performance.now()
    for (const slot of asked) if (now - slot.at > LOST) ask(slot)
  }
  isOver = true
  console.log(JSON.stringify({ rate: (answers / (performance.now() - began)) * 1000 }))
  socket.close()
}
