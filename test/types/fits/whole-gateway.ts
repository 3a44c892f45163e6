import {
  type Datagram,
  destinationIn,
  filter,
  fork,
  type Gateway,
  type IpPacket,
  type Layer,
  layers,
  log,
  map,
  type Packet,
  stack,
  tap,
} from '@millrace/core'
import { MemoryHost, SimulatedNetwork } from '@millrace/core/testing'
import { allowedIps, wireguard } from '@millrace/layer-wireguard'

const wire = () => new SimulatedNetwork().udp('192.0.2.1:51820')
const host = () => new MemoryHost()

/** No kind is written anywhere: each line infers it from the line before. */
export const inferred: Gateway = stack(wire())
  .layer(tap((datagram, direction) => void `${direction} ${datagram.remote.port}`))
  .layer(wireguard({ privateKey: '' }))
  .layer(filter((packet) => packet.peer.name !== 'laptop'))
  .layer(allowedIps())
  .layer(log())
  .layer(filter((packet) => packet.destinationPort !== 25))
  .layer(filter((packet, direction) => direction === 'down' || packet.hopLimit > 1, { reason: 'loop' }))
  .layer(
    map((packet) => {
      packet.memory[packet.offset + 1] = 0
      return packet
    }),
  )
  .end(host())

/** `log` takes every kind. */
export const logAnywhere: Gateway = stack(wire())
  .layer(log())
  .layer(wireguard({ privateKey: '' }))
  .layer(log({ name: 'inside', sample: 10 }))
  .layer(allowedIps())
  .layer(log())
  .end(host())

const office = layers<IpPacket>()
  .layer(filter((packet) => packet.protocol === 6))
  .end(host())
/** A chain may change the kind, as a line does. */
const tunnel = layers<Datagram>()
  .layer(wireguard({ privateKey: '' }))
  .layer(allowedIps())
const policy = layers<IpPacket>()
  .layer(log())
  .layer(filter(destinationIn('198.51.100.0/24')))

/** Chains, forks and a stack inside a stack. */
export const composed: Gateway = stack(wire())
  .layer(tunnel)
  .layer(policy)
  .layer(policy)
  .layer(fork((packet) => packet.destinationPort === 445, office))
  .layer(fork(destinationIn('192.168.0.0/16'), host()))
  .end(policy.end(host()))

/** A layer written for any packet stands anywhere. */
const sizes: Layer<Packet> = tap((packet) => void packet.length)
export const anyKind: Gateway = stack(wire())
  .layer(sizes)
  .layer(wireguard({ privateKey: '' }))
  .layer(sizes)
  .layer(allowedIps())
  .layer(sizes)
  .end(host())
