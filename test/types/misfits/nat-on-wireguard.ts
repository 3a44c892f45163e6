import { type DuplexLayer, type IpPacket, stack } from '@millrace/core'
import { MemoryHost, SimulatedNetwork } from '@millrace/core/testing'
import { wireguard } from '@millrace/layer-wireguard'

declare const nat: DuplexLayer<IpPacket>

export const gateway = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(nat) // misfit
  .end(new MemoryHost())
