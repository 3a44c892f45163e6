import { stack } from '@millrace/core'
import { SimulatedNetwork } from '@millrace/core/testing'

export const running = stack(new SimulatedNetwork().udp('192.0.2.1:51820')).start() // misfit
