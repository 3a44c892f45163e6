import { parseAddress } from '@millrace/core'
import { decodePacket, icmpError, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { PacketDesk } from '../test-support/packet-desk.ts'
import { CLIENT, data, OUTSIDE, up } from '../test-support/packets.ts'
import { UdpPorts, type UdpPortsOptions } from './udp-ports.ts'

class PortsDesk extends PacketDesk {
  readonly ports: UdpPorts
  readonly events: string[] = []
  readonly #family: 4 | 6

  constructor(family: 4 | 6, options: UdpPortsOptions = {}) {
    super()
    this.#family = family
    this.ports = new UdpPorts(options, this.surroundings, {
      datagram: (handle, remote, bytes) => {
        const { port } = this.ports.local(handle)!
        this.events.push(`${port} from ${remote.address.at(-1)}:${remote.port}: ${new TextDecoder().decode(bytes)}`)
        return undefined
      },
      error: (_handle, kind, remote) => void this.events.push(`${kind} ${remote.address.at(-1)}:${remote.port}`),
    })
  }

  bind(port: number, address: string = CLIENT[this.#family]): number {
    return this.ports.bind({ address: parseAddress(address).bytes, port })
  }

  /** Somebody outside sends to the program's address. */
  say(text: string, to: number, destination: string = CLIENT[this.#family]): string | undefined {
    const segment = udpSegment({ sourcePort: 443, destinationPort: to }, text)
    const bytes = up(this.#family, segment, { source: OUTSIDE[this.#family], destination })
    return this.deliver(bytes, (packet) => this.ports.receive(packet, 0))
  }

  send(handle: number, bytes: Uint8Array): string | undefined {
    return this.ports.send(handle, parseAddress(OUTSIDE[this.#family]).bytes, 443, bytes, 0)
  }
}

describe.each([4, 6] as const)('a bound port over IPv%i', (family) => {
  test('sends and takes datagrams', () => {
    const desk = new PortsDesk(family)
    const handle = desk.bind(5353)
    expect(desk.send(handle, data(10))).toBe(undefined)
    expect(decodePacket(desk.take()[0]!)).toMatchObject({
      source: CLIENT[family],
      destination: OUTSIDE[family],
      sourcePort: 5353,
      destinationPort: 443,
      payload: data(10),
    })
    expect(desk.say('hello', 5353)).toBe(undefined)
    expect(desk.events).toEqual(['5353 from 7:443: hello'])
    expect(desk.say('hello', 5354)).toBe('udp-port-closed')
    expect(desk.say('hello', 5353, family === 4 ? '10.0.0.3' : 'fd00::3')).toBe('udp-port-closed')
    expect(desk.send(handle, data(5000))).toBe(undefined)
    expect(desk.take().length).toBe(4)
  })

  test('is one’s own until it is given back, and an old handle finds nothing', () => {
    const desk = new PortsDesk(family, { ports: 2 })
    const handle = desk.bind(5353)
    expect([desk.bind(5353), desk.ports.ports]).toEqual([-1, 1])
    const other = desk.bind(0)
    expect(desk.bind(0)).toBe(-1)
    expect(desk.ports.local(other)).toMatchObject({ address: parseAddress(CLIENT[family]).bytes })
    expect(desk.ports.local(other)!.port).toBeGreaterThanOrEqual(49_152)
    desk.ports.close(handle)
    expect(desk.say('late', 5353)).toBe('udp-port-closed')
    expect(desk.bind(5353)).not.toBe(handle)
    expect([desk.send(handle, data(1)), desk.ports.local(handle)]).toEqual(['udp-no-flow', undefined])
    desk.ports.close(handle)
    expect(desk.ports.ports).toBe(2)
  })

  test('udp_icmp_error_propagation: its owner is told that nobody listens, of what it has sent', () => {
    const desk = new PortsDesk(family)
    desk.send(desk.bind(5353), data(10))
    const [about] = desk.take()
    const refused = family === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 }
    const tell = (quoted: Uint8Array): string | undefined => {
      const bytes = up(family, icmpError(refused, quoted), { source: OUTSIDE[family], destination: CLIENT[family] })
      return desk.deliver(bytes, (packet) => desk.ports.receiveIcmp(packet, 0))
    }
    expect(tell(about!)).toBe(undefined)
    expect(desk.events).toEqual(['port-unreachable 7:443'])
    const stranger = about!.slice()
    stranger[family === 4 ? 23 : 43]! ^= 1
    expect(tell(stranger)).toBe('icmp-no-flow')
  })
})

test('ports for anybody’s use are not to be foreseen, and all there are can be had', () => {
  const desk = new PortsDesk(4, { ports: 20_000 })
  const given = Array.from({ length: 16_384 }, () => desk.ports.local(desk.bind(0))!.port)
  expect(new Set(given).size).toBe(16_384)
  expect(desk.bind(0)).toBe(-1)
  const steps = given.slice(1, 1000).filter((port, i) => port === given[i]! + 1)
  expect(steps.length).toBeLessThan(100)
})
