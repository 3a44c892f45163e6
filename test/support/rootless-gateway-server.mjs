// The world outside a rootless gateway, at all addresses of its namespace. Prints a line for each thing that comes, with
// the address that it comes from. Usage: node rootless-gateway-server.mjs
//   TCP 80     GET /N answers N bytes that follow from nothing but N's position
//   TCP 7      gives back what it is sent
//   TCP 9000   takes all until the end and answers with its sha256
//   UDP 53     gives back what it is sent
import { createCipheriv, createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'

const tell = (kind, address) => console.log(`${kind} ${address.replace(/^::ffff:/, '')}`)

/** Bytes that anybody can make again: the key stream of a cipher, since that is fast. */
function* chunks(total) {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
  const zeros = Buffer.alloc(65_536)
  for (let left = total; left > 0; left -= zeros.length) yield stream.update(zeros.subarray(0, left))
}

const web = createServer(async (request, response) => {
  tell('http', request.socket.remoteAddress)
  const size = Number(request.url.slice(1))
  response.writeHead(200, { 'content-length': size })
  for (const chunk of chunks(size)) {
    if (!response.write(chunk)) await new Promise((resume) => response.once('drain', resume).once('close', resume))
    if (response.destroyed) return
  }
  response.end()
})
const echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
  tell('echo', socket.remoteAddress)
  socket.on('error', ({ code }) => console.log(`echo ended ${code}`))
  socket.pipe(socket)
})
const sink = createTcpServer({ allowHalfOpen: true }, (socket) => {
  tell('sink', socket.remoteAddress)
  const hash = createHash('sha256')
  socket.on('error', () => {}) // the client tells
  socket.on('data', (data) => hash.update(data)).on('end', () => socket.end(hash.digest('hex')))
})
const datagrams = createSocket({ type: 'udp6', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 })
datagrams.on('message', (message, { address, port }) => {
  tell('udp', address)
  const text = message.length < 100 ? message.toString('latin1') : ''
  if (text.startsWith('mark')) console.log(text)
  datagrams.send(message, port, address)
})

const listening = (server, port) => new Promise((done) => server.listen({ port, host: '::', backlog: 4096 }, done))
await Promise.all([listening(web, 80), listening(echo, 7), listening(sink, 9000)])
datagrams.bind(53, '::', () => console.log('ready'))
