import { once } from 'node:events'
import { ConfigurationError } from '@millrace/core'
import { expect, test } from 'vitest'
import { FAR, FAR6, startTwoNetstacks } from '../test-support/two-netstacks.ts'
import { netstack } from './netstack.ts'
import type { TunnelSocket } from './tunnel-socket.ts'

test.each([
  [{ addresses: [] }, 'netstack addresses: expected at least one, as "10.0.0.2", got none'],
  [{ addresses: ['10.0.0.300'] }, 'netstack addresses: expected an IPv4 or IPv6 address, got "10.0.0.300"'],
  [{ addresses: ['10.0.0.3/33'] }, 'netstack addresses: expected a prefix length from 0 to 32, got "10.0.0.3/33"'],
  [{ addresses: ['10.0.0.3'], mtu: 1279 }, 'netstack mtu: expected a whole number from 1280 to 65535, got 1279'],
  [{ addresses: ['10.0.0.3'], routes: ['x'] }, 'netstack routes: expected an IPv4 or IPv6 address, got "x"'],
  [
    { addresses: ['10.0.0.3'], tcp: { timeWait: -1 } },
    'tcp timeWait: expected a whole number from 0 to 86400000, got -1',
  ],
])('options that cannot be are refused: %j', (options, message) => {
  expect(() => netstack(options)).toThrow(new ConfigurationError(message))
})

test('a server may be there before the start, at one address or at all, and is alone there', async () => {
  const idle = netstack({ addresses: [FAR, FAR6] })
  const one = idle.listen({ port: 80, address: FAR })
  expect([one.port, one.address, one.listening]).toEqual([80, FAR, true])
  expect(() => idle.listen({ port: 80 })).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }))
  expect(() => idle.listen({ port: 80, address: FAR })).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }))
  expect(idle.listen({ port: 80, address: FAR6 }).address).toBe(FAR6)
  expect(() => idle.listen({ port: 1, address: '10.1.1.1' })).toThrow(
    expect.objectContaining({ code: 'EADDRNOTAVAIL' }),
  )
  expect(() => idle.listen({ port: 65_536 })).toThrow(ConfigurationError)
  one.close()
  expect(idle.listen({ port: 80, address: FAR }).listening).toBe(true)
  expect(idle.listen({}).port).toBeGreaterThanOrEqual(10_000)
})

test('a server that closes accepts no more, and is closed when its last connection is', async () => {
  const { near, far, running } = await startTwoNetstacks()
  const accepted: TunnelSocket[] = []
  const server = far.listen({ port: 80 }, (socket) => void accepted.push(socket.on('error', () => {})))
  const first = near.dial({ address: FAR, port: 80 })
  await once(first, 'connect')
  while (accepted.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(server.connections).toBe(1)
  let isClosed = false
  const closed = server[Symbol.asyncDispose]().then(() => {
    isClosed = true
  })
  const refused = near.dial({ address: FAR, port: 80 })
  expect(await once(refused, 'error').catch((error) => [error])).toMatchObject([{ code: 'ECONNREFUSED' }])
  expect([isClosed, server.listening]).toEqual([false, false])
  first.end()
  accepted[0]?.end()
  await closed
  await new Promise<void>((resolve) => server.close(resolve))
  expect(server.connections).toBe(0)
  await running.stop()
  expect(running.pool.inUse).toBe(0)
})
