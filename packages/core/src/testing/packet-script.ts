import assert from 'node:assert/strict'
import { type DecodedPacket, decodePacket, decodeQuoted, summarize } from './decode-packet.ts'
import type { LayerRig } from './layer-rig.ts'
import { icmpEcho, icmpError, ipv4, ipv6, payload, type Transport, tcpSegment, udpSegment } from './packets.ts'

/**
 * Makes a packet of the line that {@link describeBytes} would write about it:
 *
 *     UDP 10.0.0.2:5000 > 198.51.100.7:53
 *     TCP [fd00::2]:1234 > [2001:db8::7]:443 SYN ACK
 *     ICMP 10.0.0.2 > 198.51.100.7 echo request 7
 *     ICMP 192.0.2.9 > 10.0.0.2 3/1 about UDP 10.0.0.2:5000 > 198.51.100.7:53
 *     47 10.0.0.2 > 198.51.100.7
 */
export function packetFromText(line: string): Uint8Array {
  const match = /^(TCP|UDP|ICMP|ICMPv6|\d+) (\S+) > (\S+) ?(.*)$/.exec(line)
  assert(match, `a packet like "UDP 10.0.0.2:5000 > 198.51.100.7:53", not "${line}"`)
  const [, protocol, from, to, rest] = match as unknown as [string, string, string, string, string]
  const [source, sourcePort] = splitPort(from, protocol)
  const [destination, destinationPort] = splitPort(to, protocol)
  let transport: Transport
  if (protocol === 'UDP') transport = udpSegment({ sourcePort, destinationPort }, 'payload')
  else if (protocol === 'TCP') transport = tcpSegment({ sourcePort, destinationPort, flags: rest || 'ACK' }, 'payload')
  else if (protocol.startsWith('ICMP')) transport = icmpFromText(rest)
  else transport = payload(Number(protocol), 'payload')
  return source.includes(':') ? ipv6({ source, destination }, transport) : ipv4({ source, destination }, transport)
}

/** One line about a packet whose checksums are right; throws if they are not, those of a quoted packet included. */
export function describeBytes(bytes: Uint8Array): string {
  const packet = decodePacket(bytes)
  if (packet.quoted === undefined) return summarize(packet)
  return `${summarize(packet)} about ${summarize(decodeWhole(packet.quoted))}`
}

/**
 * Puts a layer through a script, one batch of one packet a line, and compares what comes out:
 *
 *     up   UDP 10.0.0.2:5000 > 198.51.100.7:53     => up UDP 203.0.113.7:$a > 198.51.100.7:53
 *     down UDP 198.51.100.7:53 > 203.0.113.7:$a    => down UDP 198.51.100.7:53 > 10.0.0.2:5000
 *     wait 301 s
 *     down UDP 198.51.100.7:53 > 203.0.113.7:$a    => drop no-mapping
 *
 * `$a` stands for the number found where it is first seen. Several things that come of one packet are joined by ` + `,
 * drops first.
 */
export function runScript(rig: LayerRig, script: string, known: Map<string, string> = new Map()): Map<string, string> {
  for (const line of script.split('\n').map((text) => text.trim().replace(/\s+/g, ' '))) {
    const wait = /^wait (\d+) s$/.exec(line)
    if (wait) rig.clock.advance(Number(wait[1]) * 1000)
    else if (line !== '') runLine(rig, line, known)
  }
  return known
}

function runLine(rig: LayerRig, line: string, known: Map<string, string>): void {
  const [input = '', expected] = line.split(' => ').map((part) => substitute(part, known))
  const [direction, ...packet] = input.split(' ')
  assert(expected !== undefined && (direction === 'up' || direction === 'down'), `no line of a script: ${line}`)
  const dropsBefore = new Map(rig.drops)
  rig[direction](packetFromText(packet.join(' ')))
  const drops = [...rig.drops].filter(([reason, count]) => count !== dropsBefore.get(reason))
  const seen = [
    ...drops.map(([reason]) => `drop ${reason}`),
    ...rig.take().map((output) => `${output.direction} ${describeBytes(output.bytes)}`),
  ].join(' + ')
  learn(seen, expected, known)
  assert.equal(seen, substitute(expected, known), line)
}

function substitute(text: string, known: ReadonlyMap<string, string>): string {
  return text.replace(/\$\w+/g, (name) => known.get(name) ?? name)
}

/** Finds the numbers that stand where `expected` has names not known yet. */
function learn(seen: string, expected: string, known: Map<string, string>): void {
  const names = expected.match(/\$\w+/g) ?? []
  const pattern = expected.replace(/[.*+?^{}()|[\]\\]/g, '\\$&').replace(/\$\w+/g, '(\\d+)')
  const numbers = new RegExp(`^${pattern}$`).exec(seen)
  if (numbers !== null) for (const [i, name] of names.entries()) known.set(name, numbers[i + 1] as string)
}

function icmpFromText(text: string): Transport {
  const echo = /^echo (request|reply) (\d+)$/.exec(text)
  if (echo) return icmpEcho({ type: echo[1] as 'request' | 'reply', identifier: Number(echo[2]) }, 'payload')
  const error = /^(\d+)\/(\d+) about (.+)$/.exec(text)
  assert(error, `an ICMP message like "echo request 7" or "3/1 about ...", not "${text}"`)
  return icmpError({ type: Number(error[1]), code: Number(error[2]) }, packetFromText(error[3] as string))
}

function decodeWhole(quoted: Uint8Array): DecodedPacket {
  const total = quoted[0] === 0x60 ? 40 + wordAt(quoted, 4) : wordAt(quoted, 2)
  return total === quoted.length ? decodePacket(quoted) : decodeQuoted(quoted)
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) * 256 + (bytes[at + 1] as number)
}

function splitPort(text: string, protocol: string): [address: string, port: number] {
  if (protocol !== 'TCP' && protocol !== 'UDP') return [text, 0]
  const match = /^\[?([^\]]+)\]?:(\d+)$/.exec(text)
  assert(match, `an address and port, not "${text}"`)
  return [match[1] as string, Number(match[2])]
}
