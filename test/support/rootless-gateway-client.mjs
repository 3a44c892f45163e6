// What a client does through a rootless gateway, with the sockets of its kernel. Usage: node rootless-gateway-client.mjs
//   upload ADDRESS BYTES                   to port 9000; prints `same` if the other end's sha256 agrees
//   flows ADDRESS COUNT                    to port 7, all open at once; prints how many gave back what was theirs
//   datagrams ADDRESS COUNT SIZE A-SECOND  to port 53; prints { same, broken, twice } as JSON
//   stay ADDRESS                           to port 7; prints `open`, sends a byte now and then, prints what ends it
//   churn ADDRESS A-SECOND SECONDS         new connections to port 7, a byte each way; prints { opened, failed } as JSON
//   attempt ADDRESS PORT                   prints `connected`, or the error's code
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, isIPv6 } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** For what is still under way, milliseconds. */
const GRACE = 500
const [what, address, ...numbers] = process.argv.slice(2)

const doings = {
  async upload(bytes) {
    const keystream = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16))
    const socket = connect({ port: 9000, host: address, allowHalfOpen: true })
    await once(socket, 'connect')
    const answer = socket.setEncoding('utf8').toArray()
    const hash = createHash('sha256')
    const zeros = Buffer.alloc(65_536)
    for (let left = bytes; left > 0; left -= zeros.length) {
      const piece = keystream.update(zeros.subarray(0, left))
      hash.update(piece)
      if (!socket.write(piece)) await once(socket, 'drain')
    }
    socket.end()
    console.log((await answer).join('') === hash.digest('hex') ? 'same' : 'not the same')
  },

  async flows(count) {
    const sockets = await Promise.all(Array.from({ length: count }, () => open()))
    const same = await Promise.all(sockets.map((socket) => isReturned(socket, randomBytes(2000))))
    for (const socket of sockets) socket.end()
    console.log(same.filter(Boolean).length)
  },

  async datagrams(count, size, aSecond) {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 })
    socket.connect(53, address)
    await once(socket, 'connect')
    const result = { same: 0, broken: 0, twice: 0 }
    const under = new Map()
    socket.on('message', (message) => {
      const sent = under.get(message.readUInt32BE())
      if (sent === undefined) result.twice++
      else if (sent.equals(message)) result.same++
      else result.broken++
      under.delete(message.readUInt32BE())
    })
    const began = performance.now()
    for (let number = 0; number < count; ) {
      for (; number < Math.min(count, ((performance.now() - began) * aSecond) / 1000); number++) {
        const message = randomBytes(size)
        message.writeUInt32BE(number)
        under.set(number, message)
        socket.send(message)
      }
      await pause(1)
    }
    const deadline = performance.now() + GRACE
    while (under.size > 0 && performance.now() < deadline) await pause(5)
    socket.close()
    console.log(JSON.stringify(result))
  },

  async stay() {
    const socket = await open()
    const timer = setInterval(() => socket.write('.'), 200)
    console.log('open')
    socket.on('data', () => {})
    socket.on('error', ({ code }) => console.log(`ended ${code}`))
    await once(socket, 'close').catch(() => {})
    clearInterval(timer)
  },

  async churn(aSecond, seconds) {
    const result = { opened: 0, failed: {} }
    const under = new Set()
    const began = performance.now()
    const all = aSecond * seconds
    for (let number = 0; number < all; ) {
      const due = Math.min(((performance.now() - began) * aSecond) / 1000, all)
      for (; number < due; number++) {
        const one = exchange()
          .then(
            () => void result.opened++,
            ({ code, message }) => {
              result.failed[code ?? message] = (result.failed[code ?? message] ?? 0) + 1
            },
          )
          .finally(() => under.delete(one))
        under.add(one)
      }
      await pause(2)
    }
    await Promise.all(under)
    console.log(JSON.stringify(result))
  },

  async attempt(port) {
    try {
      const socket = await open(port)
      socket.destroy()
      console.log('connected')
    } catch (error) {
      console.log(error.code)
    }
  },
}

async function open(port = 7) {
  const socket = connect({ port, host: address, noDelay: true })
  await once(socket, 'connect')
  return socket
}

async function exchange() {
  const socket = await open()
  const closed = once(socket, 'close')
  if (!(await isReturned(socket, randomBytes(1)))) throw new Error('not the same')
  socket.end()
  await closed
}

function isReturned(socket, bytes) {
  return new Promise((resolve, reject) => {
    let count = 0
    socket.on('data', (part) => {
      if (!part.equals(bytes.subarray(count, count + part.length))) resolve(false)
      count += part.length
      if (count === bytes.length) resolve(true)
    })
    socket.on('end', () => resolve(false)).on('error', reject)
    socket.write(bytes)
  })
}

await doings[what](...numbers.map(Number))
