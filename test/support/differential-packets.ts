import { addressIn, below, bytesOf, echo, experiment, HOST4, HOST6, pick } from './differential-inner.ts'
import { type Scene, type Shot, seal } from './differential-shot.ts'
import { type Craft, ordinary } from './differential-transport.ts'

/** Seals what `make` makes. The message is right; what is in it may not be. */
function inside(make: (id: number, scene: Scene) => Uint8Array): Craft {
  return (scene) => {
    const id = scene.newId()
    return [seal(scene, id, make(id, scene))]
  }
}

const ipv4Packet = ({ peer, random }: Scene, id: number, length = 20 + below(random, 100)): Buffer =>
  Buffer.from(experiment(addressIn(peer.net, random, 4), id, bytesOf(random, length - 20)))

const ipv6Packet = ({ peer, random }: Scene, id: number, length = 40 + below(random, 100)): Buffer =>
  Buffer.from(experiment(addressIn(peer.net, random, 6), id, bytesOf(random, length - 40)))

function sealed(scene: Scene, id: number, inner: Uint8Array): readonly Shot[] {
  return [seal(scene, id, inner)]
}

/** Messages that authenticate, by what is wrong or odd about the packet inside. */
export const INSIDE: Readonly<Record<string, Craft>> = {
  'valid header only': (scene) => {
    const id = scene.newId()
    return sealed(scene, id, scene.random.chance(0.5) ? ipv4Packet(scene, id, 20) : ipv6Packet(scene, id, 40))
  },
  'valid packet with much behind it': inside((id, scene) =>
    Buffer.concat([ordinary(scene, id), bytesOf(scene.random, 1 + below(scene.random, 300))]),
  ),
  'valid packet larger than the MTU': inside((id, { peer, random }) =>
    experiment(addressIn(peer.net, random, 4), id, bytesOf(random, 1421 + below(random, 8000))),
  ),
  'valid packet of the greatest size': inside((id, { peer, random }) =>
    experiment(addressIn(peer.net, random, 4), id, bytesOf(random, 65_440 - 20)),
  ),
  "another peer's source": inside((id, { peer, peers, random }) =>
    experiment(
      addressIn(
        pick(
          random,
          peers.filter((one) => one !== peer),
        ).net,
        random,
        random.chance(0.3) ? 6 : 4,
      ),
      id,
    ),
  ),
  "nobody's source": inside((id, { random }) => {
    const sources = [
      '10.250.1.1',
      '192.0.2.1',
      '0.0.0.0',
      '255.255.255.255',
      '127.0.0.1',
      HOST4,
      HOST6,
      '::',
      'ff02::1',
    ]
    return experiment(pick(random, sources), id)
  }),
  'source in a prefix inside another': inside((id, { peer, random }) => {
    const [first] = peer.prefixes as readonly [string]
    return experiment(first.replace('.0.0/16', `.${128 + below(random, 128)}.${below(random, 256)}`), id)
  }),
  "source in another's prefix inside the first's": inside((id, { peers, random }) => {
    const net = (peers[0] as (typeof peers)[number]).net
    return random.chance(0.5)
      ? experiment(`10.${net}.${128 + below(random, 128)}.7`, id)
      : experiment(`fd00:0:0:${net.toString(16)}:${(0x8000 + below(random, 0x8000)).toString(16)}::7`, id)
  }),
  'other version': inside((id, scene) => {
    const packet = scene.random.chance(0.5) ? ipv4Packet(scene, id) : ipv6Packet(scene, id)
    const version = pick(scene.random, [0, 1, 2, 3, 5, 7, 8, 9, 14, 15])
    packet[0] = (version << 4) | ((packet[0] as number) & 15)
    return packet
  }),
  'version of the other family': inside((id, scene) => {
    const packet = scene.random.chance(0.5) ? ipv4Packet(scene, id) : ipv6Packet(scene, id)
    packet[0] = (packet[0] as number) ^ 0x20
    return packet
  }),
  'IPv4 total length too small': inside((id, scene) => {
    const packet = ipv4Packet(scene, id)
    packet.writeUInt16BE(below(scene.random, 20), 2)
    return packet
  }),
  'IPv4 total length smaller than the packet': inside((id, scene) => {
    const packet = ipv4Packet(scene, id)
    packet.writeUInt16BE(20 + below(scene.random, packet.length - 19), 2)
    return packet
  }),
  'IPv4 total length into the padding': inside((id, scene) => {
    const packet = ipv4Packet(scene, id)
    packet.writeUInt16BE(Math.ceil(packet.length / 16) * 16, 2)
    return packet
  }),
  'IPv4 total length too large': inside((id, scene) => {
    const packet = ipv4Packet(scene, id)
    const sealedLength = Math.ceil(packet.length / 16) * 16
    packet.writeUInt16BE(sealedLength + 1 + below(scene.random, 65_535 - sealedLength), 2)
    return packet
  }),
  'IPv4 header length too small': inside((id, scene) => {
    const packet = ipv4Packet(scene, id)
    packet[0] = 0x40 | below(scene.random, 5)
    return packet
  }),
  'IPv4 header length past the total': inside((id, scene) => {
    const packet = ipv4Packet(scene, id, 20 + below(scene.random, 40))
    packet[0] = 0x4f
    return packet
  }),
  'IPv6 payload length smaller than the packet': inside((id, scene) => {
    const packet = ipv6Packet(scene, id)
    packet.writeUInt16BE(below(scene.random, packet.length - 39), 4)
    return packet
  }),
  'IPv6 payload length too large': inside((id, scene) => {
    const packet = ipv6Packet(scene, id)
    const sealedLength = Math.ceil(packet.length / 16) * 16
    packet.writeUInt16BE(sealedLength - 39 + below(scene.random, 65_495 - sealedLength + 39), 4)
    return packet
  }),
  'IPv6 payload length that overflows 16 bits': inside((id, scene) => {
    const packet = ipv6Packet(scene, id)
    // 65,496 gives a packet of no bytes, with which this release of wireguard-go ends by a panic.
    packet.writeUInt16BE(65_497 + below(scene.random, 39), 4)
    return packet
  }),
  'IPv6 extension headers, many': inside((id, scene) => {
    const packet = ipv6Packet(scene, id, 40 + 8 * 12)
    packet.fill(0, 40)
    packet[6] = 60
    for (let at = 40; at < packet.length - 8; at += 8) packet[at] = 60
    packet[packet.length - 8] = 59
    return packet
  }),
  'part of a header': inside((id, scene) => {
    const v4 = scene.random.chance(0.5)
    const packet = v4 ? ipv4Packet(scene, id) : ipv6Packet(scene, id)
    return packet.subarray(0, 1 + below(scene.random, v4 ? 16 : 32))
  }),
  'noise inside': inside((_id, { random }) => bytesOf(random, 1 + below(random, 200))),
  'echo with padding behind': (scene) => {
    const id = scene.newId()
    const request = echo(addressIn(scene.peer.net, scene.random, 4), id)
    return [seal(scene, id, Buffer.concat([request, bytesOf(scene.random, 1 + below(scene.random, 100))]))]
  },
}
