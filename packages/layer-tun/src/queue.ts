import { type Context, type IpPacket, type Packet, parseIp, type Service } from '@millrace/core'
import type { SystemCalls } from '@millrace/native'
import { acceptPacket } from './accept.ts'
import { Cutter } from './cutter.ts'
import type { TunHandle } from './handle.ts'
import { TunInput } from './input.ts'
import type { TunOffload } from './offload.ts'
import { TunOutput } from './output.ts'
import { TunReader } from './reader.ts'
import { VirtioHeader } from './virtio-header.ts'

export interface TunQueueOptions {
  readonly system: SystemCalls
  readonly handle: TunHandle
  readonly offload: TunOffload
  readonly context: Context
  /** Where what is read goes. */
  readonly stack: Service<IpPacket>
  /** Called once when there is nothing more to read; as a rule, the interface was deleted. */
  readonly onGone: (reason: string) => void
}

/** One queue of a TUN device, read and written. It reads from the beginning. */
export class TunQueue {
  readonly #output: TunOutput
  readonly #reader: TunReader

  constructor({ system, handle, offload, context, stack, onGone }: TunQueueOptions) {
    const { pool } = context
    const cutter = new Cutter(
      pool,
      (segment) => this.#output.write(segment),
      (reason) => context.drop(reason),
    )
    this.#output = new TunOutput(system, pool, handle, offload, (packet) => cutter.cut(packet))
    const input = new TunInput(system, pool, handle)
    const accept = handle.hasHeader ? acceptWithHeader(context, offload) : parseIp
    this.#reader = new TunReader({ system, fd: handle.fd, input, context, stack, accept, onGone })
  }

  /** Returns the reason for a drop, or undefined when the kernel has taken the packet. */
  write(packet: IpPacket): string | undefined {
    return this.#output.write(packet)
  }

  /** Nothing is delivered once this is called; when it resolves nobody reads or waits any more. */
  stop(): Promise<void> {
    return this.#reader.stop()
  }
}

function acceptWithHeader({ pool }: Context, offload: TunOffload): (packet: Packet) => string | undefined {
  const header = new VirtioHeader(pool.view)
  const { sums } = pool
  return (packet) => {
    const reason = acceptPacket(packet, header, sums)
    if (reason !== undefined || packet.segmentSize === 0 || offload.enabled) return reason
    // It waited in the device since somebody else had the offload on.
    return 'super-packet-unexpected'
  }
}
