import { stack } from '@millrace/core'
import { MemoryHost, SimulatedNetwork } from '@millrace/core/testing'
import { wireguard } from '@millrace/layer-wireguard'

export const gateway = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .end(new MemoryHost()) // misfit
