import type { UdpRemote } from '../udp/listener.ts'
import { addressText } from './host-addresses.ts'

/** A datagram that waits for its reader, and whom it came from. */
export interface ReceivedDatagram {
  readonly bytes: Buffer
  readonly address: string
  readonly port: number
}

/** What a waiting datagram costs beside its bytes. */
const OVERHEAD = 256

/** Datagrams that have come in and not been read, with a bound on what they take. */
export class DatagramQueue {
  readonly #limit: number
  #datagrams: ReceivedDatagram[] = []
  #first = 0
  #bytes = 0
  // Mostly the next one comes from where the last one did: its text need not be made again.
  #lastBytes = ''
  #lastText = ''

  /** In bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get isEmpty(): boolean {
    return this.#datagrams.length === 0
  }

  /** Copies it. False when it is full. */
  add({ address, port }: UdpRemote, bytes: Uint8Array): boolean {
    const cost = bytes.length + OVERHEAD
    if (this.#bytes + cost > this.#limit) return false
    this.#bytes += cost
    this.#datagrams.push({ bytes: Buffer.from(bytes), address: this.#text(address), port })
    return true
  }

  /** Takes the oldest out. */
  shift(): ReceivedDatagram | undefined {
    const datagram = this.#datagrams[this.#first]
    if (datagram === undefined) return undefined
    this.#bytes -= datagram.bytes.length + OVERHEAD
    this.#first++
    if (this.#first === this.#datagrams.length) this.clear()
    return datagram
  }

  clear(): void {
    this.#datagrams = []
    this.#first = 0
    this.#bytes = 0
  }

  #text(address: Uint8Array): string {
    const key = String.fromCharCode(...address)
    if (key !== this.#lastBytes) {
      this.#lastBytes = key
      this.#lastText = addressText(address)
    }
    return this.#lastText
  }
}
