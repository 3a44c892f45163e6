import { describe, expect, test } from 'vitest'
import { parseSocketAddress } from '../ip/address.ts'
import { asDatagram, asPeerPacket } from '../packet/kind.ts'
import type { IpPacket } from '../packet/packet.ts'
import { PacketPool } from '../packet/pool.ts'
import { type Logger, silentLogger } from '../runtime/logger.ts'
import { bind, CLOCK, LOGGER, runtimeWith } from '../runtime/runtime.ts'
import { stack } from '../stack/stack.ts'
import { MemoryHost } from '../testing/memory-host.ts'
import { icmpEcho, ipv4, ipv6, payload, pooledPacket, tcpSegment, udpSegment } from '../testing/packets.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { describePacket, type LogOptions, log } from './log.ts'

const pool = new PacketPool({ slots: 4, jumboSlots: 0 })
const from4 = { source: '10.0.0.2', destination: '198.51.100.7' }
const from6 = { source: 'fd00::2', destination: '2001:db8::7' }
const tcp = tcpSegment({ sourcePort: 51_234, destinationPort: 443 }, 'x'.repeat(60))
const udp = udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'hello')
const echo = icmpEcho({ type: 'request', identifier: 7 })

describe('one line for a packet', () => {
  test.each([
    ['up TCP 10.0.0.2:51234 > 198.51.100.7:443 100 bytes', ipv4(from4, tcp)],
    ['up TCP [fd00::2]:51234 > [2001:db8::7]:443 120 bytes', ipv6(from6, tcp)],
    ['up UDP 10.0.0.2:5000 > 198.51.100.7:53 33 bytes', ipv4(from4, udp)],
    ['up UDP [fd00::2]:5000 > [2001:db8::7]:53 53 bytes', ipv6(from6, udp)],
    ['up ICMP 10.0.0.2 > 198.51.100.7 28 bytes', ipv4(from4, echo)],
    ['up ICMPv6 fd00::2 > 2001:db8::7 48 bytes', ipv6(from6, echo)],
    ['up UDP fragment 10.0.0.2:5000 > 198.51.100.7:53 33 bytes', ipv4({ ...from4, moreFragments: true }, udp)],
    ['up UDP fragment 10.0.0.2 > 198.51.100.7 33 bytes', ipv4({ ...from4, fragmentOffset: 1480 }, udp)],
    ['up protocol 253 10.0.0.2 > 198.51.100.7 23 bytes', ipv4(from4, payload(253, 'abc'))],
  ])('%s', (line, bytes) => {
    const packet = pooledPacket(pool, bytes)
    expect(describePacket(packet)).toBe(line)
    packet.release()
  })

  test('names direction, peer and segments', () => {
    const packet = pooledPacket(pool, ipv4(from4, tcp), { direction: 'down', peer: { name: 'laptop' } })
    packet.segmentSize = 40
    expect(describePacket(packet)).toBe('down TCP 10.0.0.2:51234 > 198.51.100.7:443 100 bytes in 3, peer laptop')
    packet.release()
  })

  test('of a datagram and of a packet not yet looked at', () => {
    const packet = pool.acquire(148)!
    packet.length = 148
    packet.remote = parseSocketAddress('[2001:db8::1]:51820')
    expect(describePacket(asDatagram(packet))).toBe('up datagram from [2001:db8::1]:51820 148 bytes')
    packet.direction = 'down'
    expect(describePacket(packet)).toBe('down datagram to [2001:db8::1]:51820 148 bytes')
    packet.peer = { name: 'laptop' }
    expect(describePacket(asPeerPacket(packet))).toBe('down tunnel packet 148 bytes, peer laptop')
    packet.release()
  })
})

describe('the log layer', () => {
  async function start(options: LogOptions) {
    const lines: { level: string; fields: object; message: string }[] = []
    const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message })
    const logger: Logger = { ...silentLogger, debug: at('debug'), info: at('info') }
    const clock = new VirtualClock()
    const wire = new MemoryHost()
    let received = 0
    const host = new MemoryHost({ receive: () => void received++ })
    await stack(wire, { runtime: runtimeWith(bind(CLOCK, clock), bind(LOGGER, logger)) })
      .layer(log<IpPacket>(options))
      .end(host)
      .start()
    const send = (destinationPort: number): void =>
      wire.send(ipv4(from4, udpSegment({ sourcePort: 1, destinationPort })))
    const logged = (): string[] => lines.splice(0).map(({ message }) => message.replace(/^.*198.51.100.7:/, ''))
    return { lines, clock, send, host, logged, received: () => received }
  }

  test('writes a line for each packet, both ways, with its own name and level', async () => {
    const { lines, send, host } = await start({ name: 'inside', level: 'debug' })
    send(53)
    host.send(ipv4(from4, udp))
    expect(lines).toEqual([
      { level: 'debug', fields: { layer: 'inside' }, message: 'up UDP 10.0.0.2:1 > 198.51.100.7:53 28 bytes' },
      { level: 'debug', fields: { layer: 'inside' }, message: 'down UDP 10.0.0.2:5000 > 198.51.100.7:53 33 bytes' },
    ])
  })

  test('samples one packet in so many, and lets all pass', async () => {
    const { send, logged, received } = await start({ sample: 3 })
    for (let port = 1; port <= 8; port++) send(port)
    expect(logged()).toEqual(['1 28 bytes', '4 28 bytes', '7 28 bytes'])
    expect(received()).toBe(8)
  })

  test('keeps to so many lines a second, and tells in the next line how many it left out', async () => {
    const { clock, send, logged } = await start({ perSecond: 2 })
    for (let port = 1; port <= 5; port++) send(port)
    expect(logged()).toEqual(['1 28 bytes', '2 28 bytes'])
    clock.advance(999)
    send(6)
    expect(logged()).toEqual([])
    clock.advance(1)
    send(7)
    send(8)
    send(9)
    expect(logged()).toEqual(['7 28 bytes (4 more not logged)', '8 28 bytes'])
    clock.advance(1000)
    send(10)
    expect(logged()).toEqual(['10 28 bytes (1 more not logged)'])
  })

  test('says what is wrong with an option', () => {
    expect(() => log({ sample: 0 })).toThrow('log sample: expected a whole number from 1, got 0')
    expect(() => log({ perSecond: -1 })).toThrow('log perSecond: expected a number above 0, got -1')
  })
})
