import {
  allowedIps,
  asDatagram,
  Burst,
  generatePrivateKey,
  publicKeyOf,
  SocketAddress,
  stack,
  WIRE_SUPER_PACKETS,
  wireguard,
} from 'millrace'
import { MemoryHostEnd } from './memory-ends.mjs'
import { HEADER, tcpPacket } from './packets.mjs'

/** Packets under way at once, bytes: what a few TCP connections would have. */
const WINDOW = 1024 * 1024
const PEERS = 2

/** The gateway's wire: hands what leaves to `sent`, and plays what it is given. */
class GatewayWire {
  name = 'gateway-wire'
  sent = () => {}
  datagrams = 0
  #stack
  #burst
  connect(stack) {
    this.#stack = stack
    return {
      serve: (batch) => {
        for (let i = 0; i < batch.length; i++) {
          this.datagrams += batch.at(i).segments
          this.sent(batch.at(i))
        }
      },
    }
  }
  start(context) {
    this.#burst = new Burst(context.pool)
    context.provide(WIRE_SUPER_PACKETS, { enable() {} })
  }
  play(pieces) {
    for (const { bytes, segmentSize, remote } of pieces) {
      const packet = asDatagram(this.#burst.acquire(bytes.length))
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.segmentSize = segmentSize
      packet.remote = remote
      this.#burst.push(packet)
    }
    this.#burst.serve(this.#stack)
  }
}

/** A gateway with `threads`, and two peers to record from. */
export async function twoPeers(threads, { make, batch, segments, segment }) {
  const gatewayKey = generatePrivateKey()
  const wire = new GatewayWire()
  const host = new MemoryHostEnd()
  const peers = Array.from({ length: PEERS }, (_, i) => ({
    key: generatePrivateKey(),
    remote: new SocketAddress(4, `192.0.2.${i + 2}`, 51_820),
    wire: new GatewayWire(),
    host: new MemoryHostEnd(),
  }))
  const running = []
  const gatewayPeers = peers.map(({ key, remote }, i) => ({
    publicKey: publicKeyOf(key),
    endpoint: `${remote}`,
    allowedIps: [`10.0.${i}.0/24`],
  }))
  const address = new SocketAddress(4, '192.0.2.1', 51_820)
  running.push(
    await stack(wire)
      .layer(wireguard({ privateKey: gatewayKey, peers: gatewayPeers, threads }))
      .layer(allowedIps())
      .end(host)
      .start(),
  )
  for (const { key, wire, host } of peers) {
    const peer = { publicKey: publicKeyOf(gatewayKey), endpoint: `${address}`, allowedIps: ['0.0.0.0/0'] }
    running.push(
      await stack(wire)
        .layer(wireguard({ privateKey: key, peers: [peer] }))
        .layer(allowedIps())
        .end(host)
        .start(),
    )
  }
  const piece = (packet, remote) => ({ bytes: packet.bytes().slice(), segmentSize: packet.segmentSize, remote })
  const toGateway = []
  const toPeers = peers.map(() => [])
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  for (const peer of peers) peer.wire.sent = (packet) => toGateway.push(piece(packet, peer.remote))
  const opening = async () => {
    wire.sent = (packet) =>
      toPeers[peers.findIndex(({ remote }) => remote.equals(packet.remote))].push(piece(packet, address))
    for (const [i, peer] of peers.entries()) {
      peer.host.send(tcpPacket(HEADER, { source: `10.0.${i}.1` }), 1, 0, 0)
    }
    while (host.packets < PEERS) {
      wire.play(toGateway.splice(0))
      for (const [i, peer] of peers.entries()) peer.wire.play(toPeers[i].splice(0))
      await turn()
    }
    wire.sent = () => {}
  }
  await opening()
  const bytes = peers.map((_, i) => ({
    down: make({ source: '198.51.100.7', destination: `10.0.${i}.1` }),
    up: make({ source: `10.0.${i}.1` }),
  }))
  const size = batch * bytes[0].up.length
  let recorded = []

  /** Feeds `count` batches, one a turn while no more than the window is under way, and waits until all have come through. */
  const feed = async (count, send, arrived) => {
    const before = arrived()
    let turns = 0
    for (let i = 0; i < count; ) {
      const underWay = i * size - ((arrived() - before) / segments) * (size / batch)
      if (underWay < WINDOW) send(i++)
      await turn()
    }
    while (arrived() - before < count * batch * segments) {
      if (++turns > 1e5) throw new Error(`lost packets: ${JSON.stringify(running[0].drops())}`)
      await turn()
    }
    return count * batch * segments
  }
  return {
    down: (count) =>
      feed(
        count,
        (i) => host.send(bytes[i % PEERS].down, batch, ...segment),
        () => wire.datagrams,
      ),
    async record(count) {
      recorded = []
      for (let i = 0; i < count; i++) {
        peers[i % PEERS].host.send(bytes[i % PEERS].up, batch, ...segment)
        recorded.push(toGateway.splice(0))
      }
    },
    up: () =>
      feed(
        recorded.length,
        (i) => wire.play(recorded[i]),
        () => host.packets,
      ),
    async stop() {
      for (const one of running) {
        await one.stop()
        if (one.pool.inUse !== 0) throw new Error(`${one.pool.inUse} packets are still held`)
      }
    },
  }
}
