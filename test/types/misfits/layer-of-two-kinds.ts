import { type Layer, type PeerPacket, type IpPacket, stack } from '@millrace/core'
import { SimulatedNetwork } from '@millrace/core/testing'
import { wireguard } from '@millrace/layer-wireguard'

// A plain layer serves both ways, so it cannot change the kind.
declare const oneWay: Layer<PeerPacket, IpPacket>

export const unfinished = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(oneWay) // misfit
