import { filter, stack } from '@millrace/core'
import { MemoryHost, SimulatedNetwork } from '@millrace/core/testing'
import { allowedIps, wireguard } from '@millrace/layer-wireguard'

export const gateway = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(filter((packet) => packet.destinationPort !== 25)) // misfit
  .layer(allowedIps())
  .end(new MemoryHost())
