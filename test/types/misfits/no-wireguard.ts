import { stack } from '@millrace/core'
import { SimulatedNetwork } from '@millrace/core/testing'
import { allowedIps } from '@millrace/layer-wireguard'

export const unfinished = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(allowedIps()) // misfit
