// A NAT between two ends in memory, or nothing between them, and UDP flows to send through it: packets of 64 bytes from
// many hosts inside to one outside, each flow from an endpoint of its own.

import { ipv4, udpSegment } from '@millrace/core/testing'
import { asIpPacket, Batch, bind, CLOCK, checksum, parseIp, pseudoHeaderSum4, runtimeWith, stack } from 'millrace'
import { SkippingClock } from './skipping-clock.mjs'

const SIZE = 64
const BATCH = 64
const UDP = 17
const TTL = 64
const FIRST_HOST = 0x0a00_0001
const FIRST_PORT = 1024
const PORTS_PER_HOST = 16
const REMOTE = 0xc633_6407 | 0
const REMOTE_PORT = 443
/** Coprime to all numbers of flows: packet after packet is of a flow far from the last. */
const STRIDE = 190_027

/** Sends batches of the same packets, and hands those that come to `take`. */
class End {
  name
  batch = new Batch()
  take = () => {}
  packets = []
  #stack

  constructor(name) {
    this.name = name
  }

  connect(stack) {
    this.#stack = stack
    return { serve: (batch) => this.take(batch) }
  }

  start({ pool }) {
    const bytes = ipv4(
      { source: '10.0.0.1', destination: '198.51.100.7' },
      udpSegment({ sourcePort: 1, destinationPort: 2 }, new Uint8Array(SIZE - 28).fill(0x5a)),
    )
    for (let i = 0; i < BATCH; i++) {
      const packet = pool.acquire(SIZE)
      packet.memory.set(bytes, packet.offset)
      packet.length = SIZE
      if (parseIp(packet) !== undefined) throw new Error('the packet does not parse')
      this.packets.push(asIpPacket(packet))
    }
  }

  /** The first `count` packets. */
  serve(count) {
    this.batch.clear()
    for (let i = 0; i < count; i++) this.batch.push(this.packets[i])
    this.#stack.serve(this.batch)
  }
}

/** `layer` is a NAT, or undefined for the do-nothing forwarder. */
export class NatGateway {
  inside = new End('inside')
  outside = new End('outside')
  clock = new SkippingClock()
  flows
  running
  #layer
  #outsideAddress
  #outsidePort
  #next = 0
  #came = 0

  constructor(layer, flows) {
    this.#layer = layer
    this.flows = flows
    this.#outsideAddress = new Int32Array(flows)
    this.#outsidePort = new Uint16Array(flows)
  }

  static async start(layer, flows) {
    const gateway = new NatGateway(layer, flows)
    const line = stack(gateway.inside, { runtime: runtimeWith(bind(CLOCK, gateway.clock)) })
    gateway.running = await (layer === undefined ? line : line.layer(layer)).end(gateway.outside).start()
    return gateway
  }

  /** Begins the flows from `first` to before `end`, each with one packet. Milliseconds of CPU time for sending alone. */
  open(first, end, cpuTime) {
    let took = 0
    for (let flow = first; flow < end; flow += BATCH) {
      const count = Math.min(BATCH, end - flow)
      for (let i = 0; i < count; i++) this.#address(this.inside.packets[i], flow + i, true, true)
      this.outside.take = (batch) => this.#learn(batch, flow, count)
      const start = cpuTime()
      this.inside.serve(count)
      took += cpuTime() - start
    }
    return took
  }

  /** Sends a packet of every flow both ways, and checks each that comes out: ends, checksums, TTL, payload. */
  verify() {
    for (let flow = 0; flow < this.flows; flow += BATCH) {
      const count = Math.min(BATCH, this.flows - flow)
      for (const up of [true, false]) {
        const [from, to] = up ? [this.inside, this.outside] : [this.outside, this.inside]
        for (let i = 0; i < count; i++) this.#address(from.packets[i], flow + i, up, true)
        to.take = (batch) => this.#check(batch, flow, count, up)
        this.#came = 0
        from.serve(count)
        if (this.#came !== count) throw new Error(`of ${count} packets ${this.#came} came out: ${this.drops()}`)
      }
    }
  }

  /** Nanoseconds of CPU time per packet over some batches one way, one flow after another. */
  slice(batches, up, cpuTime) {
    const [from, to] = up ? [this.inside, this.outside] : [this.outside, this.inside]
    let came = 0
    to.take = (batch) => {
      came += batch.length
    }
    const start = cpuTime()
    for (let i = 0; i < batches; i++) {
      for (let k = 0; k < BATCH; k++) {
        this.#next = (this.#next + STRIDE) % this.flows
        this.#address(from.packets[k], this.#next, up, false)
      }
      from.serve(BATCH)
    }
    const took = cpuTime() - start
    if (came !== batches * BATCH) throw new Error(`packets were lost: ${this.drops()}`)
    return (took * 1e6) / (batches * BATCH)
  }

  drops() {
    return JSON.stringify(this.running.edges().map(({ drops }) => drops))
  }

  stop() {
    return this.running.stop()
  }

  /** Makes the packet one of a flow. Right checksums cost more than what is measured: without, they are any. */
  #address({ view, offset }, flow, up, right) {
    const host = FIRST_HOST + ((flow / PORTS_PER_HOST) | 0)
    const port = FIRST_PORT + (flow % PORTS_PER_HOST)
    const source = up ? host : REMOTE
    const destination = up ? REMOTE : this.#outsideAddress[flow]
    const ports = up ? (port << 16) | REMOTE_PORT : (REMOTE_PORT << 16) | this.#outsidePort[flow]
    view.setInt32(offset + 8, (TTL << 24) | (UDP << 16) | 0x1234)
    view.setInt32(offset + 12, source)
    view.setInt32(offset + 16, destination)
    view.setInt32(offset + 20, ports)
    view.setUint16(offset + 26, 0x1234)
    if (right) writeChecksums(view, offset)
  }

  #learn(batch, flow, count) {
    if (batch.length !== count) throw new Error(`of ${count} new flows ${batch.length} came through: ${this.drops()}`)
    for (let i = 0; i < count; i++) {
      const { view, offset } = batch.at(i)
      this.#outsideAddress[flow + i] = view.getInt32(offset + 12)
      this.#outsidePort[flow + i] = view.getUint16(offset + 20)
    }
  }

  #check(batch, flow, count, up) {
    this.#came += batch.length
    for (let i = 0; i < count; i++) {
      const { view, offset, length } = batch.at(i)
      const translated = this.#layer !== undefined
      const host = FIRST_HOST + (((flow + i) / PORTS_PER_HOST) | 0)
      const port = FIRST_PORT + ((flow + i) % PORTS_PER_HOST)
      const isRight =
        length === SIZE &&
        view.getUint8(offset + 8) === (translated ? TTL - 1 : TTL) &&
        view.getInt32(offset + 12) === (up ? this.#outsideAddress[flow + i] : REMOTE) &&
        view.getInt32(offset + 16) === (up ? REMOTE : host) &&
        view.getUint16(offset + 20) === (up ? this.#outsidePort[flow + i] : REMOTE_PORT) &&
        view.getUint16(offset + 22) === (up ? REMOTE_PORT : port) &&
        view.getInt32(offset + SIZE - 4) === 0x5a5a5a5a &&
        checksum(view, offset, 20) === 0 &&
        checksum(view, offset + 20, SIZE - 20, pseudoHeaderSum4(view, offset, UDP, SIZE - 20)) === 0
      if (!isRight) throw new Error(`a packet of flow ${flow + i} came out wrong, ${up ? 'up' : 'down'}`)
    }
  }
}

function writeChecksums(view, ip) {
  view.setUint16(ip + 10, 0)
  view.setUint16(ip + 10, checksum(view, ip, 20))
  view.setUint16(ip + 26, 0)
  view.setUint16(ip + 26, checksum(view, ip + 20, SIZE - 20, pseudoHeaderSum4(view, ip, UDP, SIZE - 20)) || 0xffff)
}
