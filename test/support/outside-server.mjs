// The world outside: a web server and a UDP echo, told of nothing but its own network. Prints a line for each peer it
// sees. Usage: node outside-server.mjs ADDRESS SEED ; GET /N answers N bytes that follow from the seed.
import { createCipheriv, createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'

const [address, seed] = process.argv.slice(2)

/** Bytes that anybody with the seed can make again: the key stream of a cipher, since that is fast. */
function* chunks(total) {
  const stream = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16))
  const zeros = Buffer.alloc(65_536)
  for (let left = total; left > 0; left -= zeros.length) yield stream.update(zeros.subarray(0, left))
}

const web = createServer(async (request, response) => {
  console.log(`http ${request.socket.remoteAddress}`)
  const size = Number(request.url.slice(1))
  response.writeHead(200, { 'content-length': size })
  for (const chunk of chunks(size)) {
    if (!response.write(chunk)) await new Promise((resume) => response.once('drain', resume).once('close', resume))
    if (response.destroyed) return
  }
  response.end()
})
web.listen(80, address, () => {
  const echo = createSocket('udp4')
  echo.on('message', (message, { address: from, port }) => {
    console.log(`udp ${from}`)
    echo.send(message, port, from)
  })
  echo.bind(53, address, () => console.log('ready'))
})
