// Ends in memory that give and take super-packets, and what to send through them.
import {
  asDatagram,
  asIpPacket,
  type Batch,
  Burst,
  type Context,
  type Datagram,
  type Endpoint,
  HOST_SUPER_PACKETS,
  type IpPacket,
  parseIp,
  parseSocketAddress,
  type Service,
  WIRE_SUPER_PACKETS,
} from '@millrace/core'
import { ipv4, tcpSegment, udpSegment } from '@millrace/core/testing'

/** IPv4 and TCP without options; bytes of payload in a segment. */
export const HEADERS = 40
export const SIZE = 1380

/** What left or arrived in one piece. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly segmentSize: number
  readonly segments: number
  /** Where a datagram goes. */
  readonly to?: string
}

/** The host end: gives and takes super-packets. */
export class SuperHost implements Endpoint<IpPacket> {
  readonly name = 'super-host'
  readonly received: Piece[] = []
  readonly offer = { tcp: true, udp: true, enabled: 0, enable: (): void => void this.offer.enabled++ }
  #stack: Service<IpPacket> | undefined
  #context: Context | undefined

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.#stack = stack
    return { serve: (batch) => keep(batch, this.received) }
  }

  start(context: Context): void {
    this.#context = context
    context.provide(HOST_SUPER_PACKETS, this.offer)
  }

  /** Sends packets as one batch; what has a segment size is a super-packet with headers of 40 bytes. */
  send(...packets: readonly { readonly bytes: Uint8Array; readonly segmentSize?: number }[]): void {
    if (this.#context === undefined || this.#stack === undefined) throw new Error('not started')
    const burst = new Burst<IpPacket>(this.#context.pool)
    for (const { bytes, segmentSize = 0 } of packets) {
      const packet = burst.acquire(bytes.length)
      if (packet === undefined) throw new Error('the pool is large enough for the test')
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.segmentSize = segmentSize
      packet.segmentHeader = segmentSize === 0 ? 0 : HEADERS
      if (parseIp(packet) !== undefined) throw new Error('a packet of the test does not parse')
      burst.push(asIpPacket(packet))
    }
    burst.serve(this.#stack)
  }
}

/** A wire that carries trains as they are, but for what `pass` does to them. */
export class TrainWire implements Endpoint<Datagram> {
  readonly name = 'train-wire'
  readonly sent: Piece[] = []
  /** Where all goes, or else what goes to an address. */
  other: TrainWire | undefined
  readonly others: Map<string, TrainWire> = new Map()
  enabled = 0
  pass: (piece: Piece) => Piece[] = (piece) => [piece]
  readonly #address: string
  #stack: Service<Datagram> | undefined
  #context: Context | undefined

  constructor(address: string) {
    this.#address = address
  }

  connect(stack: Service<Datagram>): Service<Datagram> {
    this.#stack = stack
    return {
      serve: (batch) => {
        const pieces: Piece[] = []
        keep(batch, pieces)
        this.sent.push(...pieces)
        // Never within the call that sends: as on a true wire, the answer comes later.
        this.#context?.clock.setTimer(0, () => {
          for (const wire of new Set(pieces.map((piece) => this.#to(piece)))) {
            const its = pieces.filter((piece) => this.#to(piece) === wire)
            wire?.deliver(its.flatMap(this.pass), this.#address)
          }
        })
      },
    }
  }

  start(context: Context): void {
    this.#context = context
    context.provide(WIRE_SUPER_PACKETS, { enable: () => void this.enabled++ })
  }

  #to({ to = '' }: Piece): TrainWire | undefined {
    return this.other ?? this.others.get(to)
  }

  deliver(pieces: readonly Piece[], from: string): void {
    if (this.#context === undefined || this.#stack === undefined) return
    const burst = new Burst<Datagram>(this.#context.pool)
    for (const { bytes, segmentSize } of pieces) {
      const packet = burst.acquire(bytes.length)
      if (packet === undefined) throw new Error('the pool is large enough for the test')
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.segmentSize = segmentSize
      packet.remote = parseSocketAddress(from)
      burst.push(asDatagram(packet))
    }
    burst.serve(this.#stack)
  }
}

function keep(batch: Batch<Datagram> | Batch<IpPacket>, pieces: Piece[]): void {
  for (let i = 0; i < batch.length; i++) {
    const packet = batch.at(i)
    const { segmentSize, segments } = packet
    const piece = { bytes: packet.bytes().slice(), segmentSize, segments }
    pieces.push(packet.kind === 'datagram' ? { ...piece, to: packet.remote.toString() } : piece)
  }
}

export function datagram(text: string, source = '10.0.0.1', destination = '10.0.0.2'): Uint8Array {
  return ipv4({ source, destination }, udpSegment({ sourcePort: 7, destinationPort: 9 }, text))
}

/** The bytes of a stream, and the segments of `size` bytes that carry them from sequence number 1000 on. */
export function stream(
  length: number,
  {
    size = SIZE,
    sourcePort = 5000,
    source = '10.0.0.1',
    destination = '10.0.0.2',
  }: { size?: number; sourcePort?: number; source?: string; destination?: string } = {},
): { data: Buffer; segments: Uint8Array[] } {
  const data = Buffer.alloc(length)
  for (let i = 0; i < length; i++) data[i] = (i * 7 + sourcePort + (i >> 8)) & 0xff
  const segments: Uint8Array[] = []
  for (let at = 0; at < length; at += size) {
    const isLast = at + size >= length
    segments.push(
      ipv4(
        { source, destination, id: (100 + segments.length) & 0xffff, dontFragment: true },
        tcpSegment(
          { sourcePort, destinationPort: 80, sequence: 1000 + at, flags: isLast ? 'ACK PSH' : 'ACK' },
          data.subarray(at, at + size),
        ),
      ),
    )
  }
  return { data, segments }
}

/** The super-packet that stands for the segments: headers of the first, the length of all, the flags of the last. */
export function superPacket(
  segments: readonly Uint8Array[],
  size: number = SIZE,
): { bytes: Uint8Array; segmentSize: number } {
  const payload = Buffer.concat(segments.map((segment) => segment.subarray(HEADERS)))
  const first = Buffer.from(segments[0] as Uint8Array)
  const address = (at: number): string => first.subarray(at, at + 4).join('.')
  const fields = { source: address(12), destination: address(16), id: 100, dontFragment: true }
  const sequence = first.readUInt32BE(24)
  const tcp = { sourcePort: first.readUInt16BE(20), destinationPort: 80, sequence, flags: 'ACK PSH' }
  const bytes = ipv4(fields, tcpSegment(tcp, payload))
  return { bytes, segmentSize: size }
}
