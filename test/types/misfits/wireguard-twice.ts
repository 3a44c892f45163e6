import { stack } from '@millrace/core'
import { SimulatedNetwork } from '@millrace/core/testing'
import { wireguard } from '@millrace/layer-wireguard'

export const unfinished = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(wireguard({ privateKey: '' })) // misfit
