// Ends in memory for measuring: unlike those of @millrace/core/testing they allocate nothing for a packet.
import {
  asDatagram,
  asIpPacket,
  Batch,
  Burst,
  HOST_SUPER_PACKETS,
  parseIp,
  SocketAddress,
  WIRE_SUPER_PACKETS,
} from 'millrace'

/** Layers change nothing behind it. */
const HEAD = 64

/** Serves the same packets again and again: what a layer changed of their headers is put back before. */
export class RepeatingEnd {
  name = 'repeating-end'
  #stack
  #pool
  #batch = new Batch()
  #packets = []
  #heads = []

  connect(stack) {
    this.#stack = stack
    return { serve() {} }
  }

  start({ pool }) {
    this.#pool = pool
  }

  /** Takes other packets to serve. `segmentSize` and `segmentHeader` as of a super-packet, or 0. */
  load(packets, segmentSize, segmentHeader) {
    for (const packet of this.#packets.splice(0)) packet.release()
    this.#heads.length = 0
    for (const bytes of packets) {
      const packet = fill(this.#pool.acquire(bytes.length), bytes, segmentSize, segmentHeader)
      this.#packets.push(packet)
      this.#heads.push(bytes.slice(0, HEAD))
    }
  }

  serve() {
    const batch = this.#batch
    batch.clear()
    for (let i = 0; i < this.#packets.length; i++) {
      const packet = this.#packets[i]
      packet.memory.set(this.#heads[i], packet.offset)
      batch.push(packet)
    }
    this.#stack.serve(batch)
  }
}

/** Takes packets, counts them and forgets them. */
export class CountingEnd {
  name = 'counting-end'
  packets = 0
  bytes = 0

  connect() {
    return { serve: (batch) => this.#count(batch) }
  }

  start() {}

  #count(batch) {
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      this.packets += packet.segments
      this.bytes += packet.length
    }
  }
}

/** A host that gives and takes super-packets, and counts what it takes. */
export class MemoryHostEnd extends CountingEnd {
  name = 'memory-host-end'
  #stack
  #pool
  #burst

  connect(stack) {
    this.#stack = stack
    return super.connect()
  }

  start(context) {
    this.#pool = context.pool
    this.#burst = new Burst(context.pool)
    context.provide(HOST_SUPER_PACKETS, { tcp: true, udp: true, enable() {} })
  }

  /** Sends the same bytes `count` times as one batch. */
  send(bytes, count, segmentSize, segmentHeader) {
    for (let i = 0; i < count; i++)
      this.#burst.push(fill(this.#pool.acquire(bytes.length), bytes, segmentSize, segmentHeader))
    this.#burst.serve(this.#stack)
  }
}

/** One end of a cable in memory. What is sent waits until `deliver` of the other end is called. */
class MemoryWireEnd {
  name = 'memory-wire'
  other
  address
  #stack
  #pool
  #burst
  #takesSuperPackets = false

  constructor(address) {
    this.address = address
  }

  connect(stack) {
    this.#stack = stack
    return { serve: (batch) => this.#serve(batch) }
  }

  start(context) {
    this.#pool = context.pool
    this.#burst = new Burst(context.pool)
    const enable = () => {
      this.#takesSuperPackets = true
    }
    context.provide(WIRE_SUPER_PACKETS, { enable })
  }

  /** Serves what has arrived. False if it was nothing. */
  deliver() {
    if (this.#burst.length === 0) return false
    this.#burst.serve(this.#stack)
    return true
  }

  #serve(batch) {
    for (let i = 0; i < batch.length; i++) this.other.take(batch.at(i), this.address)
  }

  take(sent, from) {
    const whole = this.#takesSuperPackets || sent.segmentSize === 0
    const step = whole ? sent.length : sent.segmentSize
    for (let at = 0; at < sent.length; at += step) {
      const length = Math.min(step, sent.length - at)
      const packet = asDatagram(this.#pool.acquire(length))
      copyBytes(sent.memory, sent.offset + at, packet.memory, packet.offset, length)
      packet.length = length
      packet.segmentSize = whole ? sent.segmentSize : 0
      packet.remote = from
      this.#burst.push(packet)
    }
  }
}

export function memoryWire() {
  const [a, b] = [1, 2].map((host) => new MemoryWireEnd(new SocketAddress(4, `192.0.2.${host}`, 51_820)))
  a.other = b
  b.other = a
  return [a, b]
}

function fill(packet, bytes, segmentSize, segmentHeader) {
  packet.memory.set(bytes, packet.offset)
  packet.length = bytes.length
  packet.segmentSize = segmentSize
  packet.segmentHeader = segmentHeader
  const reason = parseIp(packet)
  if (reason !== undefined) throw new Error(`the packet does not parse: ${reason}`)
  return asIpPacket(packet)
}

/** Byte by byte: a view to copy with would be an allocation for each packet. */
function copyBytes(from, fromOffset, to, toOffset, length) {
  for (let i = 0; i < length; i++) to[toOffset + i] = from[fromOffset + i]
}
