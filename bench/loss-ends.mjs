// Both ends of a TCP stream whose goodput loss.mjs measures, where it arrives. Usage:
//   node loss-ends.mjs serve ADDRESS                     until SIGTERM
//   node loss-ends.mjs measure ADDRESS up|down SECONDS   prints { rate }, Mbit/s, of what goes up to the server or comes down
import { connect, createServer } from 'node:net'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'

export const PORT = 5300
const PIECE = Buffer.alloc(65_536, 'goodput ')

/** What the server does with a connection: its first byte says which way, the second how many seconds. */
export function serve(socket) {
  socket.on('error', () => {}) // the other end has seen enough
  let asked = Buffer.alloc(0)
  let count = 0
  socket.on('data', (data) => {
    count += data.length
    if (asked.length >= 2) return
    asked = Buffer.concat([asked, data])
    if (asked.length < 2) return
    if (asked[0] === 1) send(socket)
    else setTimeout(() => socket.write(String(count)), asked[1] * 1000)
  })
}

function send(socket) {
  while (!socket.destroyed && socket.write(PIECE));
  if (!socket.destroyed) socket.once('drain', () => send(socket))
}

function measure(address, way, seconds) {
  const socket = connect({ port: PORT, host: address, noDelay: true })
  const print = (count) => {
    console.log(JSON.stringify({ rate: (count * 8) / seconds / 1e6 }))
    process.exit()
  }
  let count = 0
  socket.once('connect', () => {
    socket.write(Buffer.of(way === 'down' ? 1 : 0, seconds))
    if (way === 'down') setTimeout(() => print(count), seconds * 1000)
    else send(socket)
  })
  socket.on('data', (data) => {
    if (way === 'down') count += data.length
    else print(Number(data))
  })
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [what, address, way, seconds] = argv.slice(2)
  if (what === 'serve') createServer(serve).listen(PORT, address, () => console.log('ready'))
  else measure(address, way, Number(seconds))
}
