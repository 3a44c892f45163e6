import { filter, type IpPacket, stack } from '@millrace/core'
import { SimulatedNetwork } from '@millrace/core/testing'
import { wireguard } from '@millrace/layer-wireguard'

const noMail = filter<IpPacket>((packet) => packet.destinationPort !== 25)

export const unfinished = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(noMail) // misfit
