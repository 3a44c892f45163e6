import type { SeededRandom } from '@millrace/core/testing'
import { cut } from '../../packages/layer-nat/src/test-support/cut.ts'
import { type Flow, ICMP, type Shot, UDP } from './nat-differential-flow.ts'
import { damaged, errorAbout, ROUTER_INSIDE, type ShotOptions, shot } from './nat-differential-shots.ts'
import { OUTSIDE } from './nat-world.ts'

type Scenario = (flow: Flow, random: SeededRandom) => readonly Shot[]

const LARGE = 'y'.repeat(3000)
const FRAGMENT = 1000

/** A request, something, and whether the answer still comes. */
function amid(play: (flow: Flow, random: SeededRandom) => readonly Shot[]): Scenario {
  return (flow, random) => [
    shot('request', 'up', flow),
    shot('answer', 'down', flow),
    ...play(flow, random),
    shot('request', 'up', flow),
    shot('answer', 'down', flow),
  ]
}

/** The same thing done to a packet of either direction. */
function both(label: string, options: ShotOptions): Scenario {
  return amid((flow) => [shot(label, 'up', flow, options), shot(label, 'down', flow, options)])
}

function fragments(order: (parts: Uint8Array[]) => readonly Uint8Array[]): ShotOptions {
  return { data: LARGE, change: (packet) => order(cut(packet, FRAGMENT)) }
}

function keep(...which: readonly number[]): (parts: Uint8Array[]) => readonly Uint8Array[] {
  return (parts) => which.map((i) => parts[i] as Uint8Array)
}

/** Of UDP and of ICMP echo. */
export const FLOW_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'request and answer': amid(() => []),
  'an answer from strangers': amid((flow) => [
    shot('other address', 'down', flow, { stranger: { remote: '198.51.100.250' } }),
  ]),
  'an answer that nobody asked for': (flow) => [shot('uninvited', 'down', flow)],
  'two remotes': amid((flow) => {
    const other = { ...flow, remote: '198.51.100.251' }
    return [shot('to another', 'up', other), shot('from another', 'down', other)]
  }),
  'two hosts with one port': amid((flow) => {
    const other = { ...flow, inside: '10.9.0.77' }
    return [shot('of another', 'up', other), shot('to another', 'down', other)]
  }),
  'no hop left': both('TTL 1', { ip: { ttl: 1 } }),
  'no hop at all': both('TTL 0', { ip: { ttl: 0 } }),
  'the last hop': both('TTL 2', { ip: { ttl: 2 } }),
  'traffic class and DF': both('marked', { ip: { tos: 0xb8, dontFragment: true } }),
  'header checksum wrong': both('header checksum', { change: (bytes) => [damaged(bytes, 10)] }),
  'version 5': both('version', { change: (bytes) => [damaged(bytes, 0, 0x1000)] }),
  'header length 16': both('header length', { change: (bytes) => [damaged(bytes, 0, -0x100)] }),
  'total length past the end': both('total length', { change: (bytes) => [damaged(bytes, 2, 1)] }),
  'padding behind the packet': both('padded', { change: (bytes) => [Uint8Array.from([...bytes, 1, 2, 3])] }),
  'cut short in the IP header': both('cut', { change: (bytes) => [bytes.subarray(0, 19)] }),
  'cut short in the transport header': both('cut', { change: (bytes) => [resized(bytes, 24)] }),
  'larger than the tunnel, not to be fragmented': amid((flow) => [
    shot('too big', 'down', flow, { data: LARGE, ip: { dontFragment: true } }),
  ]),
  'larger than the tunnel': amid((flow) => [shot('large', 'down', flow, { data: LARGE.slice(0, 1500) })]),
  'record route': both('record route', { ip: { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) } }),
  'loose source route': both('source route', { ip: { options: Uint8Array.of(131, 7, 4, 192, 0, 2, 1, 0) } }),
  'malformed options': both('malformed options', { ip: { options: Uint8Array.of(7, 40, 4, 0) } }),
  'no-operation options': both('options', { ip: { options: Uint8Array.of(1, 1, 1, 0) } }),
  'checksum wrong': both('checksum', { change: (bytes) => [damaged(bytes, bytes.length - 2)] }),
  'fragments in order': both(
    'fragments',
    fragments((parts) => parts),
  ),
  'fragments out of order': both('fragments', fragments(keep(2, 0, 3, 1))),
  'fragments backwards': both(
    'fragments',
    fragments((parts) => parts.reverse()),
  ),
  'a fragment missing': both('fragments', fragments(keep(0, 1, 3))),
  'the first fragment missing': both('fragments', fragments(keep(1, 2, 3))),
  'a fragment twice': both('fragments', fragments(keep(0, 1, 1, 2, 3))),
  'fragments that overlap': both(
    'fragments',
    fragments((parts) => [...parts.slice(0, 2), overlapping(parts), ...parts.slice(2)]),
  ),
  'ICMP errors': amid((flow) => [
    errorAbout('unreachable', 'up', flow),
    errorAbout('port unreachable', 'up', flow, { code: 3, source: flow.remote }),
    errorAbout('too big', 'up', flow, { code: 4, rest: 1280 }),
    errorAbout('time exceeded', 'up', flow, { type: 11, code: 0 }),
    errorAbout('parameter problem', 'up', flow, { type: 12, code: 0 }),
    errorAbout('unreachable', 'down', flow),
    errorAbout('from a router', 'down', flow, { source: ROUTER_INSIDE, code: 0 }),
  ]),
  'ICMP redirect and source quench': amid((flow) => [
    errorAbout('redirect', 'up', flow, { type: 5, code: 1, rest: 0xc0000201 }),
    errorAbout('source quench', 'up', flow, { type: 4, code: 0 }),
  ]),
  'ICMP errors that quote little': amid((flow) => [
    errorAbout('28 bytes', 'up', flow, { data: LARGE, quote: (bytes) => bytes.subarray(0, 28) }),
    errorAbout('24 bytes', 'up', flow, { data: LARGE, quote: (bytes) => bytes.subarray(0, 24) }),
    errorAbout('12 bytes', 'up', flow, { data: LARGE, quote: (bytes) => bytes.subarray(0, 12) }),
  ]),
  'ICMP errors with forged quotes': amid((flow, random) => [
    errorAbout('other port', 'up', flow, {
      quote: (bytes) => damaged(bytes, flow.protocol === ICMP ? 24 : 20, 1 + (random.uint32() % 60_000)),
    }),
    errorAbout('other remote', 'up', flow, { quote: (bytes) => damaged(bytes, 18, 200) }),
    errorAbout('other protocol', 'up', flow, { quote: (bytes) => damaged(bytes, 8, flow.protocol === UDP ? -11 : 5) }),
    errorAbout('wrong way', 'up', flow, { quote: swapped }),
    errorAbout('fragment', 'up', flow, { quote: (bytes) => damaged(bytes, 6, 5) }),
    errorAbout('version', 'up', flow, { quote: (bytes) => damaged(bytes, 0, 0x1000) }),
    errorAbout('header length', 'up', flow, { quote: (bytes) => damaged(bytes, 0, -0x200) }),
    errorAbout('from inside, other port', 'down', flow, {
      quote: (bytes) => damaged(bytes, flow.protocol === ICMP ? 24 : 22, 1 + (random.uint32() % 60_000)),
    }),
  ]),
  'ICMP error with a wrong checksum': amid((flow) => [
    errorAbout('checksum', 'up', flow, { change: (bytes) => [damaged(bytes, 22)] }),
    errorAbout('checksum', 'down', flow, { change: (bytes) => [damaged(bytes, 22)] }),
  ]),
  'ICMP error whose quote has a wrong header checksum': amid((flow) => [
    errorAbout('quoted header checksum', 'up', flow, { quote: (bytes) => damaged(bytes, 10) }),
  ]),
  'to the outside address itself': amid((flow) => [shot('hairpin', 'up', { ...flow, remote: OUTSIDE })]),
  'martian destinations': amid((flow) => [
    ...['127.0.0.1', '224.0.0.5', '255.255.255.255', '240.0.0.1', '0.0.0.1'].map((destination) =>
      shot(destination, 'up', flow, { ip: { destination } }),
    ),
  ]),
  'martian sources': amid((flow) => [
    ...['127.0.0.1', '224.0.0.5', '255.255.255.255', '0.0.0.1', OUTSIDE].map((source) =>
      shot(source, 'up', flow, { ip: { source } }),
    ),
  ]),
}

function resized(packet: Uint8Array, length: number): Uint8Array {
  return damaged(packet.slice(0, length), 2, length - packet.length)
}

function overlapping(parts: readonly Uint8Array[]): Uint8Array {
  return damaged(parts[1] as Uint8Array, 6, 4)
}

/** Source and destination of a quoted packet and its ports the other way round. */
function swapped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy.set(bytes.subarray(16, 20), 12)
  copy.set(bytes.subarray(12, 16), 16)
  copy.set(bytes.subarray(22, 24), 20)
  copy.set(bytes.subarray(20, 22), 22)
  return copy
}

export const UDP_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'without a checksum': both('no checksum', { checksum: false }),
  'length field too large': both('length', { change: (bytes) => [damaged(bytes, 24, 1)] }),
  'length field too small': both('length', { change: (bytes) => [damaged(bytes, 24, -1)] }),
  'from port 0': (flow) => [shot('port 0', 'up', { ...flow, port: 0 })],
  'to port 0': (flow) => [shot('port 0', 'up', { ...flow, remotePort: 0 })],
}

export const ICMP_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'an echo request from outside': (flow) => [
    shot('echo request', 'down', flow, { change: (bytes) => [damaged(damaged(bytes, 20, 0x800), 22, -0x800)] }),
  ],
  'an echo reply from inside': (flow) => [
    shot('reply', 'up', flow, { change: (bytes) => [damaged(damaged(bytes, 20, -0x800), 22, 0x800)] }),
  ],
  'a timestamp query': (flow) => [
    shot('timestamp', 'up', flow, {
      data: 'x'.repeat(12),
      change: (bytes) => [damaged(damaged(bytes, 20, 0x500), 22, -0x500)],
    }),
  ],
  'an unknown type': (flow) => [
    shot('type 40', 'up', flow, { change: (bytes) => [damaged(damaged(bytes, 20, 0x2000), 22, -0x2000)] }),
  ],
}

/** Of protocols without ports that a NAT knows. */
export const OTHER_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'to and fro': amid(() => []),
  'from strangers': amid((flow) => [shot('other address', 'down', flow, { stranger: { remote: '198.51.100.250' } })]),
  uninvited: (flow) => [shot('uninvited', 'down', flow)],
  'no hop left': both('TTL 1', { ip: { ttl: 1 } }),
  'two hosts to one remote': amid((flow) => [shot('of another', 'up', { ...flow, inside: '10.9.0.78' })]),
  'ICMP errors': amid((flow) => [errorAbout('unreachable', 'up', flow), errorAbout('unreachable', 'down', flow)]),
}
