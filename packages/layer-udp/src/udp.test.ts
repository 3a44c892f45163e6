import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Datagram } from '@millrace/core'
import { asDatagram, parseSocketAddress, SocketAddress, stack } from '@millrace/core'
import { type EndpointSubject, endpointConformance } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { udp } from './udp.ts'

async function subject(family: 4 | 6): Promise<EndpointSubject<Datagram>> {
  const address = family === 4 ? '127.0.0.1' : '::1'
  const endpoint = udp({ address })
  const outside = createSocket({ type: `udp${family}`, recvBufferSize: 1 << 20 })
  outside.bind({ address })
  await once(outside, 'listening')
  const seen: Uint8Array[] = []
  outside.on('message', (message) => seen.push(message))
  return {
    endpoint,
    sizes: [1, 32, 148, 1452, 9000, 65_000],
    oversize: 65_530,
    sample: (size, number) => new Uint8Array(size).fill(number + 1),
    address: (packet) => {
      packet.remote = new SocketAddress(family, address, outside.address().port)
      return asDatagram(packet)
    },
    sendFromOutside: (bytes) => new Promise((done) => outside.send(bytes, endpoint.port, address, () => done())),
    takeOutside: () => seen.splice(0),
    until: async (done) => {
      for (let turn = 0; turn < 2000 && !done(); turn++) await new Promise((next) => setImmediate(next))
    },
    close: () => void outside.close(),
  }
}

describe.each([4, 6] as const)('udp over IPv%i', (family) => {
  for (const { name, run } of endpointConformance(() => subject(family))) test(name, run)
})

const idle = { connect: () => ({ serve() {} }) }

test('both families listen on the one port', async () => {
  const endpoint = udp()
  await using _running = await stack(endpoint).end(idle).start()
  const clash4 = stack(udp({ port: endpoint.port, address: '127.0.0.1' }))
    .end(idle)
    .start()
  await expect(clash4).rejects.toThrow(/^UDP port \d+ on 127.0.0.1 is in use by another program$/)
  const clash6 = stack(udp({ port: endpoint.port, address: '::1' }))
    .end(idle)
    .start()
  await expect(clash6).rejects.toThrow(/in use by another program/)
})

test('says in one sentence what is wrong with an address or port', async () => {
  expect(() => udp({ port: 70_000 })).toThrow('udp port: expected a number from 0 to 65535, got 70000')
  const absent = stack(udp({ address: '192.0.2.1' }))
    .end(idle)
    .start()
  await expect(absent).rejects.toThrow('this machine does not have that address')
})

test('a socket address reads and writes both families', () => {
  expect(parseSocketAddress('192.0.2.1:1').toString()).toBe('192.0.2.1:1')
  expect(parseSocketAddress('[2001:db8:0::1]:51820').toString()).toBe('[2001:db8::1]:51820')
  expect(() => parseSocketAddress('192.0.2.1')).toThrow('expected ADDRESS:PORT')
})
