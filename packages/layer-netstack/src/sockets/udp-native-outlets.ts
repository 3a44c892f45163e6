import { release } from 'node:os'
import { EpollSet, type SystemCalls, soundOffloads } from '@millrace/native'
import type { FlowGrant } from './flow-grant.ts'
import { NativeOutlet, type NativeOutletParts } from './udp-native-outlet.ts'
import { NativeReceiver } from './udp-native-receiver.ts'
import { NativeSender } from './udp-native-sender.ts'
import {
  bindTo,
  type OutletBuffers,
  type OutletOwner,
  type OutletRefusal,
  type OutletRemote,
  type UdpOutlet,
  type UdpOutlets,
} from './udp-outlet.ts'
import { Waiter } from './waiter.ts'

/** How native outlets are made. */
export interface NativeOutletsOptions {
  readonly buffers: OutletBuffers
  /** What may be left to the kernel: trains out (UDP_SEGMENT) and in (UDP_GRO). */
  readonly offload: { readonly send: boolean; readonly receive: boolean }
  /** Of the packets. */
  readonly memory: Uint8Array
  readonly drop: (reason: string, datagrams: number) => void
}

/** Bytes received before other work of the process gets its turn. */
const ROUND_SIZE = 256 * 1024

/**
 * Outlets by system calls (Linux): many datagrams a call, sent from where they lie, and one wait for the sockets of all
 * flows, which therefore cost a descriptor each and little else.
 */
export class NativeOutlets implements UdpOutlets {
  readonly #parts: NativeOutletParts
  readonly #sender: NativeSender
  readonly #receiver: NativeReceiver
  readonly #set: EpollSet
  readonly #waiter: Waiter
  /** By descriptor. */
  readonly #outlets = new Map<number, NativeOutlet>()
  readonly #mayReceiveTrains: boolean

  /** Throws an EnvironmentError where the system has no descriptors left. */
  constructor(system: SystemCalls, { buffers, offload, memory, drop }: NativeOutletsOptions) {
    const sound = soundOffloads(release())
    this.#sender = new NativeSender(system, memory, offload.send && sound.send, drop)
    this.#receiver = new NativeReceiver(system)
    this.#set = new EpollSet(system)
    this.#waiter = new Waiter(system, [this.#set.fd], () => this.#look())
    this.#mayReceiveTrains = offload.receive && sound.receive
    this.#parts = {
      system,
      sender: this.#sender,
      buffers,
      trains: false,
      closed: ({ fd }) => this.#outlets.delete(fd),
    }
  }

  open(
    owner: OutletOwner,
    grant: FlowGrant,
    connectTo: OutletRemote | undefined,
    now: number,
  ): UdpOutlet | OutletRefusal {
    const ends = { owner, grant, connectTo }
    const outlet = bindTo(ends, now, () => new NativeOutlet(this.#parts, owner, grant, connectTo).bind())
    if (typeof outlet === 'string') return outlet
    if (this.#set.add(outlet.fd) < 0) {
      outlet.close()
      return 'descriptors-exhausted'
    }
    this.#outlets.set(outlet.fd, outlet)
    this.#waiter.wait()
    return outlet
  }

  receiveTrains(): void {
    this.#parts.trains = this.#mayReceiveTrains
  }

  flush(): void {
    this.#sender.flush()
  }

  async stop(): Promise<void> {
    await this.#waiter.stop()
    this.#set.close()
  }

  #look(): void {
    const count = this.#set.look()
    let left = ROUND_SIZE
    for (let i = 0; i < count && left > 0; i++) {
      const outlet = this.#outlets.get(this.#set.at(i))
      if (outlet !== undefined) left -= this.#receiver.receive(outlet)
    }
    if (this.#outlets.size > 0) this.#waiter.wait()
  }
}
