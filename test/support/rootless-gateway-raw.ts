import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { updateChecksum16 } from '@millrace/core'
import { type DecodedPacket, decodePacket, ipv4, ipv6, type TcpFields, tcpSegment } from '@millrace/core/testing'
import { expect, vi } from 'vitest'
import type { Namespace } from './netns.ts'

const PEER = fileURLToPath(new URL('rootless-gateway-peer.mjs', import.meta.url))
const WITHIN = { timeout: 10_000, interval: 5 }

/** `sequence` is of TCP, and 0 without. */
export type RawPacket = DecodedPacket & { readonly sequence: number }

/** A client that puts packets into its tunnel as no kernel would. */
export class RawClient {
  readonly address: string
  readonly address6: string
  /** All that has come. */
  readonly received: RawPacket[] = []
  readonly #child: ChildProcess
  #isReady = false
  #port = 20_000

  /** `configuration` is what `millrace peer add` prints. Its processes end with the namespace. */
  constructor(namespace: Namespace, configuration: string) {
    const value = (key: string): string => new RegExp(`^${key} = (\\S+)`, 'm').exec(configuration)?.[1] ?? ''
    const [, first = '', second = ''] = /^Address = (.+)\/32, (.+)\/128/m.exec(configuration) ?? []
    this.address = first
    this.address6 = second
    const words = ['PrivateKey', 'PublicKey', 'PresharedKey', 'Endpoint'].map(value)
    const command = ['netns', 'exec', namespace.name, 'node', PEER, ...words]
    this.#child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      if (line === 'ready') this.#isReady = true
      else this.received.push(decode(Buffer.from(line, 'hex')))
    })
  }

  async ready(): Promise<void> {
    await vi.waitUntil(() => this.#isReady, WITHIN)
  }

  /** One that was not used yet. */
  get nextPort(): number {
    return this.#port++
  }

  send(...packets: readonly Uint8Array[]): void {
    const lines = packets.map((bytes) => `${Buffer.from(bytes).toString('hex')}\n`)
    this.#child.stdin?.write(lines.join(''))
  }

  /** Waits for a packet. */
  async receive(matches: (packet: RawPacket) => boolean): Promise<RawPacket> {
    await expect.poll(() => this.received.some(matches), WITHIN).toBe(true)
    return this.received.find(matches)!
  }

  /** A packet of TCP from it, or from `source`. */
  tcp(destination: string, fields: TcpFields, data = '', source?: string): Uint8Array {
    const transport = tcpSegment(fields, data)
    if (destination.includes(':')) return ipv6({ source: source ?? this.address6, destination }, transport)
    return ipv4({ source: source ?? this.address, destination }, transport)
  }

  /** How it is answered when it asks for a connection: `SYN ACK`, `RST ACK`, or the type and code of an ICMP error. */
  async attempt(destination: string, destinationPort: number): Promise<string> {
    const sourcePort = this.nextPort
    this.send(this.tcp(destination, { sourcePort, destinationPort, flags: 'SYN' }))
    const answer = await this.receive((packet) => isAbout(packet, sourcePort))
    return answer.flags ?? `${answer.type}/${answer.code}`
  }
}

function decode(bytes: Buffer): RawPacket {
  const packet = decodePacket(bytes)
  const sequence = packet.protocol === 6 ? bytes.readUInt32BE((packet.version === 4 ? 20 : 40) + 4) : 0
  return { ...packet, sequence }
}

/** Whether it is for this port, or an ICMP error about a packet from it. */
export function isAbout({ destinationPort, quoted, version }: DecodedPacket, port: number): boolean {
  const at = version === 4 ? 20 : 40
  return (
    destinationPort === port || (quoted !== undefined && quoted[at] === port >> 8 && quoted[at + 1] === (port & 255))
  )
}

/** A connection of TCP whose segments are made one by one. */
export class RawConnection {
  /** All that the other side has said, in order. */
  text = ''
  readonly #client: RawClient
  readonly #destination: string
  readonly #port: number
  #taken = 0
  #next = 1000
  /** The next number of the other side. */
  #expected = 0

  private constructor(client: RawClient, destination: string) {
    this.#client = client
    this.#destination = destination
    this.#port = client.nextPort
  }

  /** To the port that gives back what it is sent. */
  static async open(client: RawClient, destination: string): Promise<RawConnection> {
    const connection = new RawConnection(client, destination)
    connection.send('SYN')
    connection.#next++
    await connection.sees(({ flags }) => flags === 'SYN ACK')
    connection.send('ACK')
    return connection
  }

  /** `ahead`: so far beyond the next number, and then nothing is used up. `urgent`: the urgent pointer. */
  send(flags: string, data = '', { ahead = 0, urgent = 0 } = {}): void {
    const fields = {
      sourcePort: this.#port,
      destinationPort: 7,
      flags,
      sequence: this.#next + ahead,
      acknowledgment: flags.includes('ACK') ? this.#expected : 0,
    }
    const bytes = this.#client.tcp(this.#destination, fields, data)
    if (urgent > 0) setUrgentPointer(bytes, urgent)
    if (ahead === 0) this.#next += data.length
    this.#client.send(bytes)
  }

  /** Waits for a segment of this connection that has not been looked at before. */
  async sees(matches: (segment: RawPacket) => boolean): Promise<void> {
    await expect.poll(() => this.#take().some(matches), WITHIN).toBe(true)
  }

  /** Waits until the other side has said this, and no more, and acknowledges it. */
  async reads(text: string): Promise<void> {
    await expect
      .poll(() => {
        this.#take()
        return this.text
      }, WITHIN)
      .toBe(text)
    this.send('ACK')
  }

  #take(): readonly RawPacket[] {
    const all = this.#client.received
    const taken = all.slice(this.#taken).filter(({ destinationPort }) => destinationPort === this.#port)
    this.#taken = all.length
    for (const { flags = '', sequence, payload } of taken) {
      if (flags === 'SYN ACK') this.#expected = (sequence + 1) >>> 0
      else if (sequence === this.#expected) {
        this.text += Buffer.from(payload).toString('latin1')
        this.#expected = (sequence + payload.length) >>> 0
      }
    }
    return taken
  }
}

function setUrgentPointer(bytes: Uint8Array, pointer: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const tcp = view.getUint8(0) >> 4 === 4 ? 20 : 40
  view.setUint16(tcp + 18, pointer)
  view.setUint16(tcp + 16, updateChecksum16(view.getUint16(tcp + 16), 0, pointer))
}
