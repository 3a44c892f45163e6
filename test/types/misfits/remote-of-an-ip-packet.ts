import { stack, tap } from '@millrace/core'
import { MemoryHost, SimulatedNetwork } from '@millrace/core/testing'
import { allowedIps, wireguard } from '@millrace/layer-wireguard'

export const gateway = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(allowedIps())
  .layer(tap((packet) => console.log(packet.remote))) // misfit
  .end(new MemoryHost())
