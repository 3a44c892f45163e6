import { type Endpoint, fork, type PeerPacket, stack } from '@millrace/core'
import { SimulatedNetwork } from '@millrace/core/testing'
import { allowedIps, wireguard } from '@millrace/layer-wireguard'

declare const peers: Endpoint<PeerPacket>

export const unfinished = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(allowedIps())
  .layer(fork(() => true, peers)) // misfit
