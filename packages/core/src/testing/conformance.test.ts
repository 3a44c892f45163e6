import { describe, expect, test } from 'vitest'
import type { Endpoint, Service } from '../contract/index.ts'
import { parseIp } from '../ip/parse-ip.ts'
import { asDatagram, asIpPacket } from '../packet/kind.ts'
import type { Datagram, IpPacket } from '../packet/packet.ts'
import { bind, CLOCK, runtimeWith } from '../runtime/runtime.ts'
import { stack } from '../stack/stack.ts'
import { type EndpointSubject, endpointConformance } from './conformance.ts'
import { MemoryHost } from './memory-host.ts'
import { ipv4, ipv6, payload } from './packets.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { VirtualClock } from './virtual-clock.ts'

const turn = async (done: () => boolean, advance: () => void): Promise<void> => {
  for (let i = 0; i < 100 && !done(); i++) {
    advance()
    await new Promise((next) => setImmediate(next))
  }
}

function memoryHost(family: 4 | 6): EndpointSubject<IpPacket> {
  const seen: Uint8Array[] = []
  const endpoint = new MemoryHost({ receive: (bytes) => void seen.push(bytes) })
  return {
    endpoint,
    sizes: [60, 1420, 65_535],
    sample: (size, number) =>
      family === 4
        ? ipv4({ source: '10.0.0.1', destination: '10.0.0.2', id: number }, payload(253, new Uint8Array(size - 20)))
        : ipv6(
            { source: 'fd00::1', destination: 'fd00::2', hopLimit: number },
            payload(253, new Uint8Array(size - 40)),
          ),
    address: (packet) => {
      parseIp(packet)
      return asIpPacket(packet)
    },
    sendFromOutside: (bytes) => endpoint.send(bytes),
    takeOutside: () => seen.splice(0),
    until: (done) => turn(done, () => {}),
    close: () => {},
  }
}

/** Copies what comes up, and lets a test send down. */
class Outside implements Endpoint<Datagram> {
  readonly seen: Uint8Array[] = []

  connect(): Service<Datagram> {
    return {
      serve: (batch) => {
        for (const packet of batch) this.seen.push(packet.bytes().slice())
      },
    }
  }
}

async function simulatedUdp(): Promise<EndpointSubject<Datagram>> {
  const clock = new VirtualClock()
  const runtime = runtimeWith(bind(CLOCK, clock))
  const network = new SimulatedNetwork({ delay: 5 })
  const endpoint = network.udp('192.0.2.1:1')
  const far = network.udp('[2001:db8::2]:2')
  const outside = new Outside()
  const running = await stack(far, { runtime }).end(outside).start()
  return {
    endpoint,
    runtime,
    sizes: [0, 1, 148, 1452, 65_507],
    sample: (size, number) => new Uint8Array(size).fill(number + 1),
    address: (packet) => {
      packet.remote = far.address
      return asDatagram(packet)
    },
    sendFromOutside: (bytes) => {
      endpoint.deliver(bytes, far.address)
    },
    takeOutside: () => outside.seen.splice(0),
    until: (done) => turn(done, () => clock.advance(5)),
    close: () => running.stop(),
  }
}

describe.each([4, 6] as const)('the memory host, IPv%i', (family) => {
  for (const { name, run } of endpointConformance(() => memoryHost(family))) test(name, run)
})

describe('the simulated UDP end', () => {
  for (const { name, run } of endpointConformance(simulatedUdp)) test(name, run)
})

// A suite that passes anything proves nothing: each broken end fails a case that is named for it.
describe('the suite itself fails an end that', () => {
  type Broken = (endpoint: MemoryHost, subject: EndpointSubject<IpPacket>) => Partial<EndpointSubject<IpPacket>>
  const wrapped = (
    endpoint: MemoryHost,
    connect: Endpoint<IpPacket>['connect'],
  ): Partial<EndpointSubject<IpPacket>> => ({
    endpoint: { name: 'broken', connect, start: (context) => endpoint.start(context), stop: () => endpoint.stop() },
  })
  test.each<[string, Broken, string]>([
    [
      'changes a byte on the way in',
      (endpoint) => ({
        sendFromOutside: (bytes) => {
          const changed = bytes.slice()
          changed[changed.length - 1]! ^= 1
          endpoint.send(changed)
        },
      }),
      'brings in what comes from outside, byte for byte',
    ],
    [
      'sends in the wrong order',
      (endpoint, { takeOutside }) => ({ endpoint, takeOutside: () => takeOutside().toReversed() }),
      'sends what it is given, byte for byte, in order',
    ],
    [
      'keeps a packet',
      (endpoint) =>
        wrapped(endpoint, (stack) => {
          const inner = endpoint.connect(stack)
          return {
            serve(batch) {
              for (const packet of batch) packet.retain()
              inner.serve(batch)
            },
          }
        }),
      'gives every packet back to the pool',
    ],
    [
      'drops in silence after its stop',
      (endpoint) =>
        wrapped(endpoint, (stack) => {
          const inner = endpoint.connect(stack)
          return {
            serve(batch) {
              batch.drops = { count() {} }
              inner.serve(batch)
            },
          }
        }),
      'after stop sends nothing, brings in nothing, and does not throw',
    ],
  ])('%s', async (_what, breakIt, failing) => {
    const failed: string[] = []
    const cases = endpointConformance(() => {
      const subject = memoryHost(4)
      return { ...subject, ...breakIt(subject.endpoint as MemoryHost, subject) }
    })
    for (const { name, run } of cases) await run().catch(() => failed.push(name))
    expect(failed).toContain(failing)
  })
})
