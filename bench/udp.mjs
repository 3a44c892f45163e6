// What a 1,452-byte datagram costs to send and to receive over loopback, by each kind of socket, and how long one takes
// there and back between two processes. Every byte is checked first; the kinds take turns. `npm run build` first.
// Usage: node bench/udp.mjs [rounds = 15]
import { fork } from 'node:child_process'
import { asDatagram, Burst, SocketAddress, stack, WIRE_SUPER_PACKETS } from '@millrace/core'
import { udp } from '@millrace/layer-udp'

const SIZE = 1452
const SEGMENTS = 45
const TRAINS = 40
const COUNT = SEGMENTS * TRAINS
const PINGS = 300
const KINDS = {
  'node:dgram': { options: { native: false } },
  'system calls, no offload': { options: { offload: { send: false, receive: false } } },
  'offload, datagram by datagram': { options: {} },
  'offload, super-packets': { options: {}, trains: true },
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const show = (times) => `${median(times).toFixed(2)} (${Math.min(...times).toFixed(2)})`
const turn = () => new Promise((next) => setImmediate(next))

async function openEnd(options, trains, receive = () => {}) {
  const end = { wire: udp({ address: '127.0.0.1', ...options }) }
  end.running = await stack(end.wire)
    .end({
      name: 'end',
      connect: (down) => {
        end.down = down
        return { serve: (batch) => receive(batch, end) }
      },
      start: (context) => {
        if (trains) context.find(WIRE_SUPER_PACKETS)?.enable()
      },
    })
    .start()
  end.burst = new Burst(end.running.pool)
  return end
}

/** Packets with `COUNT` datagrams in all; the first four bytes of each are its number. */
function packetsOf(end, to, trains) {
  const packets = []
  for (let first = 0; first < COUNT; first += trains ? SEGMENTS : 1) {
    const segments = trains ? SEGMENTS : 1
    const packet = asDatagram(end.running.pool.acquire(SIZE * segments))
    for (let i = 0; i < segments; i++) {
      const at = packet.offset + i * SIZE
      packet.memory.fill((first + i) & 0xff, at, at + SIZE)
      packet.view.setUint32(at, first + i)
    }
    packet.length = SIZE * segments
    packet.segmentSize = trains ? SIZE : 0
    packet.remote = to
    packets.push(packet)
  }
  return packets
}

class Pair {
  constructor({ options, trains = false }) {
    this.options = options
    this.trains = trains
    this.seen = 0
    this.checking = true
    this.sendTimes = []
    this.receiveTimes = []
  }

  async open() {
    this.receiver = await openEnd(this.options, this.trains, (batch) => this.receive(batch))
    this.sender = await openEnd(this.options, this.trains)
    const to = new SocketAddress(4, '127.0.0.1', this.receiver.wire.port)
    this.packets = packetsOf(this.sender, to, this.trains)
  }

  receive(batch) {
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      if (this.checking) this.check(packet)
      else this.seen += packet.segments
    }
  }

  check({ memory, view, offset, length, segments }) {
    for (let at = offset; at < offset + length; at += SIZE) {
      const number = view.getUint32(at)
      const right = number === this.seen && memory.subarray(at + 4, at + SIZE).every((byte) => byte === (number & 0xff))
      if (!right) throw new Error(`datagram ${this.seen} is not as it was sent`)
      this.seen++
    }
    if (length !== segments * SIZE) throw new Error(`${length} bytes in ${segments} segments`)
  }

  async round() {
    const { sender, receiver, packets } = this
    const batch = this.trains ? 1 : 64
    this.seen = 0
    const start = performance.now()
    for (let i = 0; i < packets.length; i += batch) {
      for (const packet of packets.slice(i, i + batch)) {
        packet.retain()
        sender.burst.push(packet)
      }
      sender.burst.serve(sender.down)
    }
    const sent = performance.now()
    while (this.seen < COUNT && performance.now() < sent + 5000) await turn()
    const received = performance.now()
    const drops = [...sender.running.drops(), ...receiver.running.drops()]
    if (this.seen !== COUNT || drops.length > 0) throw new Error(`${this.seen} of ${COUNT}: ${JSON.stringify(drops)}`)
    if (this.checking) this.checking = false
    else {
      this.sendTimes.push(((sent - start) * 1000) / COUNT)
      this.receiveTimes.push(((received - sent) * 1000) / COUNT)
    }
  }

  async close() {
    for (const packet of this.packets) packet.release()
    await this.sender.running.stop()
    await this.receiver.running.stop()
  }
}

/** Microseconds there and back, one at a time with a pause of `pause` milliseconds, and the CPU time of this side for each. */
async function pingPong(options, pause) {
  const child = fork(process.argv[1], ['echo', JSON.stringify(options)])
  const [port] = await new Promise((resolve) => child.once('message', (message) => resolve([message])))
  let answered
  const end = await openEnd(options, false, () => answered())
  const times = []
  let cpu
  for (let i = -50; i < PINGS; i++) {
    if (i === 0) cpu = process.cpuUsage()
    const packet = asDatagram(end.running.pool.acquire(148))
    packet.length = 148
    packet.remote = new SocketAddress(4, '127.0.0.1', port)
    end.burst.push(packet)
    const start = performance.now()
    const answer = new Promise((resolve) => {
      answered = resolve
    })
    end.burst.serve(end.down)
    await answer
    if (i >= 0) times.push((performance.now() - start) * 1000)
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
  }
  const { user, system } = process.cpuUsage(cpu)
  child.send('stop')
  await end.running.stop()
  times.sort((a, b) => a - b)
  return { p50: times[PINGS >> 1], p99: times[Math.floor(PINGS * 0.99)], cpu: (user + system) / PINGS }
}

async function echo(options) {
  const echoing = await openEnd(options, false, (batch, end) => end.down.serve(batch))
  process.once('message', () => echoing.running.stop().then(() => process.disconnect()))
  process.send(echoing.wire.port)
}

async function main(rounds) {
  const pairs = Object.entries(KINDS).map(([name, kind]) => [name, new Pair(kind)])
  for (const [, pair] of pairs) await pair.open()
  for (let round = 0; round < rounds + 3; round++) for (const [, pair] of pairs) await pair.round()
  console.log('µs per datagram, median (best) | send | receive')
  for (const [name, { sendTimes, receiveTimes }] of pairs)
    console.log(`${name} | ${show(sendTimes)} | ${show(receiveTimes)}`)
  for (const [, pair] of pairs) await pair.close()
  console.log('\nµs there and back | p50 | p99 | CPU of one side')
  for (const pause of [0, 2]) {
    for (const [name, { options }] of Object.entries(KINDS).slice(0, 3)) {
      const { p50, p99, cpu } = await pingPong(options, pause)
      const after = pause === 0 ? 'at once' : `each ${pause} ms`
      console.log(`${name}, ${after} | ${p50.toFixed(0)} | ${p99.toFixed(0)} | ${cpu.toFixed(0)}`)
    }
  }
}

if (process.argv[2] === 'echo') await echo(JSON.parse(process.argv[3]))
else await main(Number(process.argv[2] ?? 15))
