import { filter, type IpPacket, layers } from '@millrace/core'

export const chain = layers<IpPacket>().layer(filter((packet) => console.log(packet.length))) // misfit
