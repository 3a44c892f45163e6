import { type IpPacket, layers } from '@millrace/core'
import { SimulatedNetwork } from '@millrace/core/testing'

export const branch = layers<IpPacket>().end(new SimulatedNetwork().udp('192.0.2.1:51820')) // misfit
