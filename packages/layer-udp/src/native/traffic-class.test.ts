import { SocketAddress } from '@millrace/core'
import { loadNative } from '@millrace/native'
import { describe, expect, test } from 'vitest'
import { UdpEnd } from '../test-support/udp-end.ts'

const native = 'system' in loadNative()

describe.skipIf(!native)('the octet of DSCP and ECN (needs Linux and koffi)', () => {
  test.each([
    { address: '127.0.0.1', trafficClass: 0 },
    { address: '127.0.0.1', trafficClass: 2 },
    { address: '127.0.0.1', trafficClass: 0x88 },
    { address: '::1', trafficClass: 0 },
    { address: '::1', trafficClass: 1 },
    { address: '::1', trafficClass: 0x8b },
  ])(
    '$trafficClass to $address arrives as it was sent, with a source and without',
    async ({ address, trafficClass }) => {
      const classes: number[] = []
      const server = await UdpEnd.open({ address, native: true })
      const client = await UdpEnd.open({ address, native: true })
      try {
        client.tamper = (packet) => {
          packet.trafficClass = trafficClass
        }
        server.tamper = client.tamper
        const remote = new SocketAddress(address.includes(':') ? 6 : 4, address, server.wire.port)
        client.send(remote, 'question')
        const [question] = await server.take(1)
        classes.push(question?.trafficClass ?? -1)
        server.send(question?.remote as SocketAddress, 'answer', question?.local)
        const [answer] = await client.take(1)
        classes.push(answer?.trafficClass ?? -1)
        expect(classes).toEqual([trafficClass, trafficClass])
      } finally {
        await client.stop()
        await server.stop()
      }
    },
  )
})
