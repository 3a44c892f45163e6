import { type IpPacket, stack } from '@millrace/core'
import { MemoryHost, SimulatedNetwork } from '@millrace/core/testing'
import { allowedIps, wireguard } from '@millrace/layer-wireguard'

const noMail = (packet: IpPacket): boolean => packet.destinationPort !== 25

export const gateway = stack(new SimulatedNetwork().udp('192.0.2.1:51820'))
  .layer(wireguard({ privateKey: '' }))
  .layer(allowedIps())
  .layer(noMail) // misfit
  .end(new MemoryHost())
