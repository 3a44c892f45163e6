import { execFileSync } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { describeBytes, ipv4, ipv6, packetFromText, udpSegment } from '@millrace/core/testing'
import { canEnterNetworkNamespace, enterNetworkNamespace, type NetworkNamespace } from '@millrace/native/testing'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RelayRig, until } from '../test-support/relay-rig.ts'

const EGRESS = ['203.0.113.1', '2001:db8::1']
const SERVERS = { 4: ['203.0.113.2', '203.0.113.3'], 6: ['2001:db8::2', '2001:db8::3'] } as const
const ROUTE = { 4: '10.9.0.', 6: 'fd00::' } as const

/** One datagram of a client. */
interface Step {
  readonly family: 4 | 6
  readonly client: number
  readonly port: number
  readonly server: number
  readonly size: number
}

/** Somebody who sends everything back, and notes what came from which port. */
class EchoServer {
  readonly heard = new Map<number, string[]>()
  readonly socket: Socket

  static async start(address: string): Promise<EchoServer> {
    const server = new EchoServer(address)
    server.socket.bind(5000, address)
    await once(server.socket, 'listening')
    return server
  }

  private constructor(address: string) {
    const type = address.includes(':') ? 'udp6' : 'udp4'
    this.socket = createSocket({ type, recvBufferSize: 1 << 20 })
    this.socket.on('message', (bytes, { port, address: from }) => {
      this.heard.set(port, [...(this.heard.get(port) ?? []), bytes.toString('hex')])
      this.socket.send(bytes, port, from)
    })
  }
}

function contentOf(step: Step, number: number): Uint8Array {
  const bytes = new Uint8Array(step.size).fill(number)
  bytes.set([number >> 8, number, step.client, step.port].slice(0, step.size))
  return bytes
}

function packetOf(step: Step, content: Uint8Array): Uint8Array {
  const { family, client, port, server } = step
  const segment = udpSegment({ sourcePort: 7000 + port, destinationPort: 5000 }, content)
  const ends = { source: `${ROUTE[family]}${client + 2}`, destination: SERVERS[family][server] as string }
  return family === 4 ? ipv4(ends, segment) : ipv6(ends, segment)
}

/** What a client got: its own end, the server's and the content. */
function answerIn(bytes: Uint8Array): string {
  const isIpv4 = bytes[0] === 0x45
  const header = isIpv4 ? 20 : 40
  const addresses = Buffer.from(bytes.subarray(isIpv4 ? 12 : 8, header)).toString('hex')
  return `${addresses} ${Buffer.from(bytes.subarray(header, header + 4)).toString('hex')} ${Buffer.from(bytes.subarray(header + 8)).toString('hex')}`
}

/** What the same traffic leads to, outside and for the clients, in an order of its own for each flow. */
async function run(native: boolean, connected: boolean, batches: readonly (readonly Step[])[]): Promise<object> {
  const all = [...SERVERS[4], ...SERVERS[6]]
  const servers = await Promise.all(all.map((address) => EchoServer.start(address)))
  const udp = { connected, ...(native ? {} : { native }) }
  const allow = all.map((address) => (address.includes(':') ? `${address}/128` : `${address}/32`))
  try {
    await using rig = await RelayRig.start({ egressIp: EGRESS, allow, udp })
    let number = 0
    for (const batch of batches) {
      rig.client.send(...batch.map((step) => packetOf(step, contentOf(step, number++))))
      await until(() => rig.client.others.length === number)
    }
    const flows = new Map<string, string[]>()
    for (const answer of rig.client.others.map(answerIn)) {
      const flow = answer.slice(0, answer.lastIndexOf(' '))
      flows.set(flow, [...(flows.get(flow) ?? []), answer])
    }
    expect(rig.running.pool.inUse).toBe(0)
    return {
      flows: rig.end.statistics()?.flows,
      drops: rig.running.drops(),
      heard: servers.map(({ heard }) => [...heard.values()].map((contents) => contents.join()).sort()),
      answers: [...flows.entries()].sort(([one], [other]) => (one < other ? -1 : 1)),
    }
  } finally {
    for (const { socket } of servers) socket.close()
  }
}

describe.skipIf(!canEnterNetworkNamespace())('both kinds of outlets (needs root, koffi)', () => {
  let namespace: NetworkNamespace
  beforeAll(() => {
    namespace = enterNetworkNamespace()
    for (const address of [...EGRESS, ...SERVERS[4], ...SERVERS[6]]) {
      const [prefix, ...words] = address.includes(':') ? ['128', 'nodad'] : ['32']
      execFileSync('ip', ['address', 'add', `${address}/${prefix}`, 'dev', 'lo', ...words])
    }
  })
  afterAll(() => namespace.leave())

  const step = fc.record({
    family: fc.constantFrom<(4 | 6)[]>(4, 4, 6),
    client: fc.nat(1),
    port: fc.nat(2),
    server: fc.nat(1),
    size: fc.constantFrom(0, 1, 700, 1200, 1200, 1200, 1350, 1350),
  })
  test.each([false, true])(
    'do the same with the same traffic (a socket for each destination: %s)',
    async (connected) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(step, { minLength: 1, maxLength: 40 }), { maxLength: 4 }),
          async (batches) => {
            const [one, other] = [await run(true, connected, batches), await run(false, connected, batches)]
            expect(one).toEqual(other)
            expect(one).toMatchObject({ drops: [] })
          },
        ),
        { numRuns: 15 },
      )
    },
    60_000,
  )

  test.each([true, false])('tell the client that a port is closed (by system calls: %s)', async (native) => {
    const udp = { connected: true, ...(native ? {} : { native }) }
    await using rig = await RelayRig.start({ egressIp: EGRESS, allow: ['203.0.113.2/32', '2001:db8::2/128'], udp })
    const question = 'UDP 10.9.0.2:7000 > 203.0.113.2:9'
    rig.client.send(packetFromText(question), packetFromText('UDP [fd00::2]:7000 > [2001:db8::2]:9'))
    await until(() => rig.client.others.length === 2)
    const [error, error6] = [...rig.client.others].sort((one, other) => (one[0] as number) - (other[0] as number))
    expect(describeBytes(error as Uint8Array)).toBe(`ICMP 203.0.113.2 > 10.9.0.2 3/3 about ${question}`)
    // Destination unreachable, port unreachable (RFC 4443 §3.1).
    expect([...(error6 as Uint8Array).subarray(40, 42)]).toEqual([1, 4])
    expect(rig.running.drops()).toContainEqual(expect.objectContaining({ reason: 'udp-not-delivered', packets: 2 }))
  })
})
