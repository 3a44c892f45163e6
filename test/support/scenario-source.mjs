// Sends to scenario-sink.mjs. Usage:
//   node scenario-source.mjs tcp ADDRESS BYTES        as fast as it goes; prints `same` if the other end's sha256 agrees
//   node scenario-source.mjs udp ADDRESS BYTES SIZE   datagrams of SIZE as fast as they go; prints what arrived, as JSON
//   node scenario-source.mjs one ADDRESS TEXT         a single datagram
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, isIPv6 } from 'node:net'

const PORT = 5201
const DIGEST = 32
/** Datagrams handed to the kernel at once. */
const BURST = 64
/** Questions of a fifth of a second each, until there must have been an answer. */
const QUESTIONS = 100

const [kind, address, amount, size] = process.argv.slice(2)
const keystream = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16))
const noise = (length) => keystream.update(Buffer.alloc(length))

async function tcp() {
  const socket = connect(PORT, address)
  await once(socket, 'connect')
  const answer = socket.setEncoding('utf8').toArray()
  const hash = createHash('sha256')
  for (let left = Number(amount); left > 0; left -= 65_536) {
    const chunk = noise(Math.min(left, 65_536))
    hash.update(chunk)
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  socket.end()
  console.log((await answer).join('') === hash.digest('hex') ? 'same' : 'not the same')
}

async function udp(socket) {
  await ask(socket, 'begin', 'begun')
  for (let number = 0; number * size < amount; ) {
    const sent = []
    for (; sent.length < BURST && number * size < amount; number++) sent.push(send(socket, datagram(number)))
    await Promise.all(sent)
  }
  console.log(await ask(socket, 'report', '{'))
}

function datagram(number) {
  const bytes = noise(Number(size))
  bytes.writeUInt32BE(number, DIGEST)
  createHash('sha256').update(bytes.subarray(DIGEST)).digest().copy(bytes)
  return bytes
}

const send = (socket, message) => new Promise((done) => socket.send(message, PORT, address, done))

/** Asks until an answer comes that begins as it must; the answer to an earlier question may come late. */
async function ask(socket, question, beginning) {
  for (let tries = 0; tries < QUESTIONS; tries++) {
    send(socket, question)
    const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(200) }).catch(() => [])
    const text = answer?.toString() ?? ''
    if (text.startsWith(beginning)) return text
  }
  throw new Error(`no answer to ${question}`)
}

if (kind === 'tcp') await tcp()
else {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  if (kind === 'udp') await udp(socket)
  else await send(socket, amount)
  socket.close()
}
