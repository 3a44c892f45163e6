import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { until } from '../test-support/relay-rig.ts'
import type { FlowGrant } from './flow-grant.ts'
import type { UdpOutlet } from './udp-outlet.ts'
import { PortableOutlets } from './udp-portable-outlets.ts'

const LOOPBACK = Uint8Array.of(127, 0, 0, 1)
const NOBODY = { received() {}, failed() {} }

function openOne(outlets: PortableOutlets): UdpOutlet {
  const egress = { index: 0, address: '127.0.0.1', family: 4, bytes: LOOPBACK }
  // Port 0: the system picks one.
  const outlet = outlets.open(NOBODY, { egress, port: 0 } as FlowGrant, undefined, 0)
  if (typeof outlet === 'string') throw new Error(outlet)
  return outlet
}

test('a burst is taken, up to what is bounded in all, and nothing is counted twice or left over', async () => {
  const server = createSocket('udp4').bind(0, '127.0.0.1')
  await once(server, 'listening')
  const remote = { address: LOOPBACK, port: server.address().port }
  const outlets = new PortableOutlets({ receiveBuffer: undefined, sendBuffer: undefined })
  const open = Array.from({ length: 3 }, () => openOne(outlets))
  for (const outlet of open)
    for (let i = 0; i < 64; i++) expect(outlet.send(new Uint8Array(1200), remote)).toBe(undefined)
  await until(() => outlets.queued.datagrams === 0)
  expect(outlets.queued.bytes).toBe(0)

  outlets.queued.datagrams = 8192
  expect(open[0]?.send(new Uint8Array(1), remote)).toBe('udp-send-queue-full')
  outlets.queued.datagrams = 0
  outlets.queued.bytes = 2 ** 24 - 100
  expect(open[0]?.send(new Uint8Array(101), remote)).toBe('udp-send-queue-full')
  expect(open[0]?.send(new Uint8Array(100), remote)).toBe(undefined)
  await until(() => outlets.queued.datagrams === 0)
  expect(outlets.queued.bytes).toBe(2 ** 24 - 100)

  for (const outlet of open) outlet.close()
  await outlets.stop()
  expect(open[0]?.send(new Uint8Array(1), remote)).toBe('udp-socket-closed')
  server.close()
})
