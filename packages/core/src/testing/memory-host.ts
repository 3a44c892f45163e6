import type { Context, Endpoint, Service } from '../contract/index.ts'
import { parseIp } from '../ip/parse-ip.ts'
import { Burst } from '../packet/burst.ts'
import { asIpPacket } from '../packet/kind.ts'
import type { IpPacket } from '../packet/packet.ts'
import { Segmenter } from '../segment/segmenter.ts'

export interface MemoryHostOptions {
  readonly name?: string
  /** Called with a copy of each packet that reaches the host; of a super-packet, with each that it stands for. */
  readonly receive?: (bytes: Uint8Array) => void
}

/** A host end in memory: what a TUN is to the kernel, this is to your test or program. It may also stand for the wire of a stack of IP packets. */
export class MemoryHost implements Endpoint<IpPacket> {
  readonly name: string
  readonly #receive: (bytes: Uint8Array) => void
  #stack: Service<IpPacket> | undefined
  #context: Context | undefined

  constructor({ name = 'memory-host', receive = () => {} }: MemoryHostOptions = {}) {
    this.name = name
    this.#receive = receive
  }

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.#stack = stack
    return {
      serve: (batch) => {
        for (let i = 0; i < batch.length; i++) {
          const packet = batch.at(i)
          const reason = this.#deliver(packet)
          if (reason !== undefined) batch.drop(packet, reason)
        }
      },
    }
  }

  start(context: Context): void {
    this.#context = context
  }

  stop(): void {
    this.#context = undefined
  }

  /** Sends packets into the stack, as one batch. The bytes are copied. What is not an IP packet is a counted drop. */
  send(...packets: readonly Uint8Array[]): void {
    const context = this.#context
    if (context === undefined || this.#stack === undefined) return
    const burst = new Burst<IpPacket>(context.pool)
    for (const bytes of packets) {
      const packet = burst.acquire(bytes.length)
      if (packet === undefined) {
        context.drop('pool-empty')
        continue
      }
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.arrival = context.clock.now()
      const reason = parseIp(packet)
      if (reason === undefined) burst.push(asIpPacket(packet))
      else {
        context.drop(reason)
        packet.release()
      }
    }
    burst.serve(this.#stack)
  }

  /** Returns the reason for a drop, or undefined. */
  #deliver(packet: IpPacket): string | undefined {
    const context = this.#context
    if (context === undefined) return 'not-open'
    if (packet.segmentSize === 0) {
      this.#receive(packet.bytes().slice())
      return undefined
    }
    const segmenter = new Segmenter(context.pool.sums)
    const malformed = segmenter.begin(packet)
    if (malformed !== undefined) return malformed
    const segment = context.pool.acquire(segmenter.lengthOf(0))
    if (segment === undefined) return 'pool-empty'
    try {
      for (let i = 0; i < segmenter.count; i++) {
        segment.length = segmenter.write(i, segment.offset)
        this.#receive(segment.bytes().slice())
      }
    } finally {
      segment.release()
    }
    return undefined
  }
}
