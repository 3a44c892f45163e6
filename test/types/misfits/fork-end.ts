import { fork, layers, stack, type PeerPacket } from '@millrace/core'
import { MemoryHost, SimulatedNetwork } from '@millrace/core/testing'
import { allowedIps, wireguard } from '@millrace/layer-wireguard'

declare const peerEnd: import('@millrace/core').Endpoint<PeerPacket>

export const gateway = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(allowedIps())
  .layer(fork((packet) => packet.version === 6, layers<PeerPacket>().end(peerEnd)))
  .end(new MemoryHost())
