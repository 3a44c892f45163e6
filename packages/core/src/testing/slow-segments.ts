import { decodePacket } from './decode-packet.ts'
import { slowChecksum } from './packets.ts'

// The slow twins of Segmenter and Joiner: plain arrays of bytes, everything computed anew, no code shared with them.

const TCP = 6

/** Cuts a packet whose transport header (`protocol`: 6 or 17) begins at `ipHeader`. */
export function cutSlowly(packet: Uint8Array, segmentSize: number, ipHeader: number, protocol: number): Uint8Array[] {
  const isTcp = protocol === TCP
  const headers = ipHeader + (isTcp ? (packet[ipHeader + 12]! >> 4) * 4 : 8)
  const payload = packet.slice(headers)
  const count = Math.max(1, Math.ceil(payload.length / segmentSize))
  return Array.from({ length: count }, (_, i) => {
    const piece = payload.slice(i * segmentSize, (i + 1) * segmentSize)
    const bytes = Uint8Array.from([...packet.slice(0, headers), ...piece])
    if (packet[0]! >> 4 === 4) put16(bytes, 4, take16(bytes, 4) + i)
    if (isTcp) {
      const sequence = take16(bytes, ipHeader + 4) * 65_536 + take16(bytes, ipHeader + 6) + i * segmentSize
      put16(bytes, ipHeader + 4, Math.floor(sequence / 65_536))
      put16(bytes, ipHeader + 6, sequence)
      if (i > 0) bytes[ipHeader + 13]! &= 0x7f // CWR
      if (i < count - 1) bytes[ipHeader + 13]! &= 0xf6 // PSH, FIN
    }
    return madeRight(bytes, ipHeader, protocol)
  })
}

/** The packet with right lengths and checksums in its IP and transport headers. */
export function madeRight(packet: Uint8Array, ipHeader: number, protocol: number): Uint8Array {
  const bytes = packet.slice()
  const isIpv4 = bytes[0]! >> 4 === 4
  put16(bytes, isIpv4 ? 2 : 4, isIpv4 ? bytes.length : bytes.length - 40)
  if (isIpv4) {
    put16(bytes, 10, 0)
    put16(bytes, 10, slowChecksum(bytes.subarray(0, ipHeader)))
  }
  const transport = bytes.subarray(ipHeader)
  const checksumAt = protocol === TCP ? 16 : 6
  if (protocol !== TCP) put16(transport, 4, transport.length)
  put16(transport, checksumAt, 0)
  const pseudo = [0, protocol, transport.length >> 8, transport.length & 0xff]
  const addresses = isIpv4 ? bytes.subarray(12, 20) : bytes.subarray(8, 40)
  const sum = slowChecksum(Uint8Array.from([...addresses, ...pseudo]), transport)
  put16(transport, checksumAt, protocol === TCP ? sum : sum || 0xffff)
  return bytes
}

/** A packet as it came in: `peer` is any name. */
export interface Arrival {
  readonly peer: string
  readonly bytes: Uint8Array
}

/** Which arrivals, by number, become one packet: in the order of the first of each. */
export function joinSlowly(arrivals: readonly Arrival[], wanted: { tcp: boolean; udp: boolean }): number[][] {
  const groups: number[][] = []
  let open: { flow: string; way: string | undefined; group: number[] }[] = []
  for (const [i, arrival] of arrivals.entries()) {
    const way = wayOf(arrival)
    const flow = flowOf(arrival)
    if (flow === undefined) open = open.filter((other) => other.way !== way)
    const held = open.find((other) => other.flow === flow)
    const run = held?.group.map((index) => arrivals[index]!.bytes)
    if (held !== undefined && mayFollow(run!, arrival.bytes)) {
      held.group.push(i)
      if (isEnd(arrivals[held.group[0]!]!.bytes, arrival.bytes, held.group.length)) open.splice(open.indexOf(held), 1)
      continue
    }
    if (held !== undefined) open.splice(open.indexOf(held), 1)
    const group = [i]
    groups.push(group)
    if (flow === undefined || !isJoinable(arrival.bytes) || hasPush(arrival.bytes)) continue
    if (protocolOf(arrival.bytes) === TCP ? wanted.tcp : wanted.udp) {
      open.push({ flow, way, group })
      if (open.length > 8) open.shift()
    }
  }
  return groups
}

/** From whom to whom, in text; undefined when there is no telling. */
function wayOf({ peer, bytes }: Arrival): string | undefined {
  const version = (bytes[0] ?? 0) >> 4
  if (version === 4 && bytes.length >= 20) return `${peer} 4 ${bytes.slice(12, 20)}`
  if (version === 6 && bytes.length >= 40) return `${peer} 6 ${bytes.slice(8, 40)}`
  return undefined
}

/** The same with ports, if it is a whole TCP or UDP packet without anything between the headers. */
function flowOf(arrival: Arrival): string | undefined {
  const { bytes } = arrival
  const way = wayOf(arrival)
  if (way === undefined || (bytes[0]! >> 4 === 4 && (bytes[0] !== 0x45 || (take16(bytes, 6) & 0xbfff) !== 0)))
    return undefined
  const at = ipHeaderOf(bytes)
  const total = at === 20 ? take16(bytes, 2) : take16(bytes, 4) + 40
  const protocol = protocolOf(bytes)
  const least = protocol === TCP ? 20 : protocol === 17 ? 8 : Number.POSITIVE_INFINITY
  if (total > bytes.length || total < at + least) return undefined
  return `${way} ${protocol} ${bytes.slice(at, at + 4)}`
}

/** Whether it is a data segment with nothing special and right checksums: as good as any to be joined. */
function isJoinable(padded: Uint8Array): boolean {
  const bytes = unpadded(padded)
  try {
    if (decodePacket(bytes).payload.length === 0) return false
  } catch {
    return false
  }
  const at = ipHeaderOf(bytes)
  if (protocolOf(bytes) !== TCP) return take16(bytes, at + 6) !== 0 && Buffer.compare(bytes, anew(bytes)) === 0
  const flags = take16(bytes, at + 12) & 0x0fff
  const headerFits = bytes[at + 12]! >> 4 >= 5 && bytes.length > at + (bytes[at + 12]! >> 4) * 4
  return (
    headerFits &&
    (flags === 0x10 || flags === 0x18) &&
    take16(bytes, at + 18) === 0 &&
    Buffer.compare(bytes, anew(bytes)) === 0
  )
}

function mayFollow(run: readonly Uint8Array[], padded: Uint8Array): boolean {
  const bytes = unpadded(padded)
  const first = unpadded(run[0]!)
  const last = unpadded(run.at(-1)!)
  if (!isJoinable(bytes)) return false
  if (Buffer.compare(template(first), template(bytes)) !== 0) return false
  if (payloadOf(bytes) > payloadOf(first)) return false
  const length = headersOf(first) + run.reduce((sum, one) => sum + payloadOf(unpadded(one)), 0) + payloadOf(bytes)
  if (length > 65_535) return false
  const at = ipHeaderOf(bytes)
  if (at === 20 && (bytes[6]! & 0x40) === 0 && take16(bytes, 4) !== ((take16(last, 4) + 1) & 0xffff)) return false
  if (protocolOf(bytes) !== TCP) return true
  const sequence = (packet: Uint8Array): number => take16(packet, at + 4) * 65_536 + take16(packet, at + 6)
  return sequence(bytes) === (sequence(last) + payloadOf(last)) % 2 ** 32
}

function isEnd(first: Uint8Array, last: Uint8Array, count: number): boolean {
  const short = payloadOf(unpadded(last)) < payloadOf(unpadded(first))
  return short || hasPush(last) || count === (protocolOf(first) === TCP ? 2048 : 64)
}

/** The headers without what may differ from segment to segment. */
function template(bytes: Uint8Array): Uint8Array {
  const headers = bytes.slice(0, headersOf(bytes))
  const at = ipHeaderOf(bytes)
  if (at === 20) for (const field of [2, 4, 10]) put16(headers, field, 0)
  else put16(headers, 4, 0)
  if (protocolOf(bytes) === TCP) {
    for (const field of [4, 6, 16]) put16(headers, at + field, 0)
    headers[at + 13]! &= ~0x08
  } else {
    for (const field of [4, 6]) put16(headers, at + field, 0)
  }
  return headers
}

/** As it would be sent by one who computes the checksums as we do. */
function anew(bytes: Uint8Array): Uint8Array {
  return madeRight(bytes, ipHeaderOf(bytes), protocolOf(bytes))
}

function unpadded(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes[0]! >> 4 === 4 ? take16(bytes, 2) : take16(bytes, 4) + 40)
}

function hasPush(bytes: Uint8Array): boolean {
  return protocolOf(bytes) === TCP && (bytes[ipHeaderOf(bytes) + 13]! & 0x08) !== 0
}

function ipHeaderOf(bytes: Uint8Array): number {
  return bytes[0]! >> 4 === 4 ? 20 : 40
}

function protocolOf(bytes: Uint8Array): number {
  return bytes[bytes[0]! >> 4 === 4 ? 9 : 6]!
}

function headersOf(bytes: Uint8Array): number {
  const at = ipHeaderOf(bytes)
  return at + (protocolOf(bytes) === TCP ? (bytes[at + 12]! >> 4) * 4 : 8)
}

function payloadOf(bytes: Uint8Array): number {
  return bytes.length - headersOf(bytes)
}

function take16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 256 + bytes[at + 1]!
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >> 8) & 0xff
  bytes[at + 1] = value & 0xff
}
