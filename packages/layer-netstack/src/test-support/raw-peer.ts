import { decodePacket, ipv4, ipv6, tcpSegment, VirtualClock } from '@millrace/core/testing'
import { type FoundOptions, readOptions, word } from './raw-options.ts'
import { TcpHost, type TcpHostOptions } from './tcp-host.ts'

export interface RawPeerOptions {
  readonly tcp?: TcpHostOptions
  readonly family?: 4 | 6
  /** Sequence number of the peer's SYN. */
  readonly isn?: number
  readonly mss?: number
  readonly windowShift?: number
  readonly sack?: boolean
  readonly timestamps?: boolean
  /** Whether SYNs are accepted as they come. Default true. */
  readonly accepts?: boolean
}

export interface RawSegment {
  /** Counted from the peer's SYN. */
  readonly seq?: number
  /** Counted from the SYN of the TCP under test. Default: all that has come. */
  readonly ack?: number
  readonly window?: number
  readonly data?: string | Uint8Array
  readonly options?: readonly number[]
  readonly timestamp?: number
  /** What the timestamp echoes. Default: the last that came. */
  readonly echo?: number
  readonly source?: string
  readonly destination?: string
}

/** What came out, numbers counted from the SYN of each side. */
export interface SeenSegment extends FoundOptions {
  readonly flags: string
  readonly seq: number
  readonly ack: number
  readonly window: number
  readonly text: string
  readonly length: number
  readonly mss: number | undefined
}

/** The other end of a connection, played by hand: each segment is made and looked at by itself. */
export class RawPeer {
  readonly clock: VirtualClock = new VirtualClock()
  readonly host: TcpHost
  handle = -1
  /** Of all connections that came in. */
  readonly handles: number[] = []
  readonly events: string[] = []
  port = 40_000
  isn: number
  /** ISN of the TCP under test, once seen. */
  iss = 0
  /** The next number of the other side that has not come yet, counted from its SYN. */
  next = 0
  #packets: Uint8Array[] = []
  #lastStamp = 0
  readonly #options: RawPeerOptions

  constructor(options: RawPeerOptions = {}) {
    this.#options = options
    this.isn = options.isn ?? 1_000_000
    this.clock.advance(100_000)
    this.host = new TcpHost(this.clock, { keepaliveIdle: 0, ...options.tcp })
    this.host.send = (bytes) => void this.#packets.push(bytes)
    this.host.listener = {
      incoming: (handle) => {
        this.handle = handle
        this.handles.push(handle)
        this.events.push('incoming')
        if (options.accepts !== false) this.host.tcp.accept(handle)
      },
      established: () => void this.events.push('established'),
      readable: () => void this.events.push('readable'),
      writable: () => void this.events.push('writable'),
      closed: (_handle, cause) => void this.events.push(`closed ${cause}`),
    }
  }

  get state(): string {
    return this.host.tcp.stateOf(this.handle)
  }

  /** SYN, SYN-ACK, ACK. */
  establish(): this {
    this.send('SYN', { seq: 0, ack: 0 })
    this.take()
    this.send('ACK', { seq: 1 })
    return this
  }

  /** The SYN's options are those that the peer was made with. Returns why it was dropped. */
  send(flags: string, segment: RawSegment = {}): string | undefined {
    return this.host.deliver(this.make(flags, segment))
  }

  make(flags: string, { seq = 1, ack = this.next, window = 65_535, data = '', ...rest }: RawSegment): Uint8Array {
    const isSyn = flags.split(' ').includes('SYN')
    const fields = {
      sourcePort: this.port,
      destinationPort: 80,
      flags,
      sequence: (this.isn + seq) >>> 0,
      acknowledgment: flags.includes('ACK') ? (this.iss + ack) >>> 0 : 0,
      window,
      options: Uint8Array.from([...(rest.options ?? []), ...this.#optionsFor(isSyn, rest.timestamp, rest.echo)]),
    }
    const transport = tcpSegment(fields, data)
    const { source = 'fd00::2', destination = '2001:db8::7' } = rest
    if (this.#options.family === 6) return ipv6({ source, destination }, transport)
    const { source: from = '10.0.0.2', destination: to = '198.51.100.7' } = rest
    return ipv4({ source: from, destination: to }, transport)
  }

  /** What has come out since the last call; every checksum is checked. */
  take(): SeenSegment[] {
    const packets = this.#packets
    this.#packets = []
    return packets.map((bytes) => this.#see(bytes))
  }

  /** The same in short: `PSH ACK 1+5 ack 1`. */
  lines(): string[] {
    return this.take().map(({ flags, seq, length, ack }) => `${flags} ${seq}+${length} ack ${ack}`)
  }

  /** Packets as they came out. */
  takeBytes(): Uint8Array[] {
    const packets = this.#packets
    this.#packets = []
    return packets
  }

  wait(milliseconds: number): this {
    this.clock.advance(milliseconds)
    return this
  }

  write(text: string | Uint8Array): number {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    const taken = this.host.tcp.write(this.handle, bytes)
    this.host.pump()
    return taken
  }

  read(size = 1_000_000): string {
    const into = new Uint8Array(size)
    const count = this.host.tcp.read(this.handle, into)
    this.host.pump()
    return new TextDecoder('latin1').decode(into.subarray(0, count))
  }

  #optionsFor(isSyn: boolean, timestamp?: number, echo = this.#lastStamp): number[] {
    const { mss, windowShift, sack, timestamps } = this.#options
    const bytes: number[] = []
    if (isSyn && mss !== undefined) bytes.push(2, 4, mss >> 8, mss & 0xff)
    if (isSyn && windowShift !== undefined) bytes.push(3, 3, windowShift)
    if (isSyn && sack) bytes.push(4, 2)
    if (timestamps) {
      const value = timestamp ?? Math.floor(this.clock.now())
      bytes.push(8, 10, ...word(value), ...word(echo))
    }
    return bytes
  }

  #see(bytes: Uint8Array): SeenSegment {
    const decoded = decodePacket(bytes)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const tcp = decoded.version === 4 ? 20 : 40
    const flags = decoded.flags ?? ''
    if (flags.includes('SYN')) this.iss = view.getUint32(tcp + 4)
    const options = readOptions(view, tcp + 20, bytes.length - decoded.payload.length)
    const seq = (view.getUint32(tcp + 4) - this.iss) | 0
    const length = decoded.payload.length
    const span = length + (flags.includes('SYN') ? 1 : 0) + (flags.includes('FIN') ? 1 : 0)
    if (!flags.includes('RST')) this.next = Math.max(this.next, seq + span)
    if (options.timestamp !== undefined) this.#lastStamp = options.timestamp
    return {
      flags,
      seq,
      ack: (view.getUint32(tcp + 8) - this.isn) | 0,
      window: view.getUint16(tcp + 14),
      text: new TextDecoder('latin1').decode(decoded.payload),
      length,
      mss: decoded.mss,
      ...options,
      blocks: options.blocks.map(([start, end]) => [(start - this.isn) | 0, (end - this.isn) | 0] as const),
    }
  }
}
