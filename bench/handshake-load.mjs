// The initiators of the handshake measure: sends initiations made beforehand to a responder and counts the responses.
// A window of them is under way: enough to keep the responder busy, too few to look like a flood to those that go by
// their queue (wireguard-go and Millrace do, from 128 waiting ones on). Every peer has a port of its own, and who asks
// it for a cookie gets it, as from any initiator. Prints one line of JSON.
// Usage: node bench/handshake-load.mjs FILE RESPONDER-PUBLIC-KEY ADDRESS PORT SECONDS
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { decodeKey } from 'millrace'
import { MacStamper } from '../packages/layer-wireguard/dist/proto/macs.js'
import { INITIATION_LENGTH, PEERS } from './lib/initiations.mjs'

const WINDOW = 64
const COOKIE_REPLY = 3
/** An initiation without an answer is given up after this, ms. */
const PATIENCE = 2000

class Initiator {
  #socket = createSocket('udp4')
  /** Knows the cookie that this address was given, if any. */
  #stamper

  async open(address, port) {
    this.#socket.on('message', (message) => received(this, message))
    this.#socket.connect(port, address)
    await once(this.#socket, 'connect')
  }

  send(message, now) {
    this.#stamper?.stamp(message, now)
    this.#socket.send(message)
  }

  /** A cookie reply is sealed to the mac1 of the message that it answers. */
  takeCookie(message, reply, now) {
    const stamper = new MacStamper(responder)
    stamper.stamp(message, now)
    if (stamper.takeCookie(reply, now)) this.#stamper = stamper
  }

  close() {
    this.#socket.close()
  }
}

const [file, publicKey, address, port, seconds] = process.argv.slice(2)
const responder = decodeKey(publicKey, 'public key')
const messages = readFileSync(file)
const count = messages.length / INITIATION_LENGTH
/** By sender index. */
const underWay = new Map()
let [next, responses, cookies, lastResponse] = [0, 0, 0, 0]

const initiators = Array.from({ length: PEERS }, () => new Initiator())
await Promise.all(initiators.map((initiator) => initiator.open(address, Number(port))))
const began = performance.now()
for (let i = 0; i < WINDOW; i++) sendNext(began)
const timer = setInterval(() => {
  const now = performance.now()
  for (const [index, { sent }] of underWay) {
    if (now - sent < PATIENCE) break
    underWay.delete(index)
    sendNext(now)
  }
  if (now - began < seconds * 1000 && underWay.size > 0) return
  clearInterval(timer)
  for (const initiator of initiators) initiator.close()
  const end = underWay.size > 0 ? now : lastResponse
  console.log(JSON.stringify({ rate: (responses / (end - began)) * 1000, responses, cookies, sent: next }))
}, 10)

function sendNext(now) {
  if (next === count) return
  const message = messages.subarray(next * INITIATION_LENGTH, (next + 1) * INITIATION_LENGTH)
  send(initiators[next++ % PEERS], message, now)
}

function send(initiator, message, now) {
  initiator.send(message, now)
  underWay.set(message.readUInt32LE(4), { message, sent: now })
}

function received(initiator, message) {
  const isCookieReply = message[0] === COOKIE_REPLY
  const index = message.readUInt32LE(isCookieReply ? 4 : 8)
  const entry = underWay.get(index)
  if (entry === undefined) return
  underWay.delete(index)
  const now = performance.now()
  if (isCookieReply) {
    cookies++
    initiator.takeCookie(entry.message, message, now)
    send(initiator, entry.message, now)
  } else {
    responses++
    lastResponse = now
    sendNext(now)
  }
}
