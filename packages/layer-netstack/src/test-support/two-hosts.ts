import { SeededRandom, VirtualClock } from '@millrace/core/testing'
import type { TcpOptions } from '../tcp/options.ts'
import { Link, type LinkOptions } from './link.ts'
import { StreamEnd } from './stream-end.ts'
import { TcpHost } from './tcp-host.ts'

export interface TransferOptions extends LinkOptions {
  /** Bytes from the one that calls to the one that is called, and back. */
  readonly up: number
  readonly down: number
  readonly family?: 4 | 6
  readonly client?: TcpOptions
  readonly server?: TcpOptions
}

const ADDRESSES = {
  4: [Uint8Array.of(10, 0, 0, 2), Uint8Array.of(198, 51, 100, 7)],
  6: [
    Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2),
    Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7),
  ],
} as const

/** Two hosts, joined by a link each way, on a virtual clock. */
export class TwoHosts {
  readonly clock: VirtualClock = new VirtualClock()
  readonly client: TcpHost
  readonly server: TcpHost
  readonly up: Link
  readonly down: Link
  readonly caller: StreamEnd
  readonly called: StreamEnd
  readonly #family: 4 | 6
  #port = 40_000

  constructor(options: TransferOptions) {
    const { seed = 1, up, down, family = 4 } = options
    this.#family = family
    const random = new SeededRandom(seed)
    this.client = new TcpHost(this.clock, { seed: random.uint32(), ...options.client })
    this.server = new TcpHost(this.clock, { seed: random.uint32(), ...options.server })
    this.up = new Link(this.clock, (bytes) => void this.server.deliver(bytes), { ...options, seed: random.uint32() })
    this.down = new Link(this.clock, (bytes) => void this.client.deliver(bytes), { ...options, seed: random.uint32() })
    this.client.send = (bytes) => this.up.send(bytes)
    this.server.send = (bytes) => this.down.send(bytes)
    this.caller = new StreamEnd(this.client.tcp, random, seed, seed + 1, up)
    this.called = new StreamEnd(this.server.tcp, random, seed + 1, seed, down)
    for (const [host, end] of [[this.client, this.caller] as const, [this.server, this.called] as const]) {
      host.listener = {
        incoming: (handle) => {
          end.handle = handle
          host.tcp.accept(handle)
        },
        established: () => end.write(),
        readable: () => end.drain(),
        writable: () => end.write(),
        closed: (_handle, cause) => {
          end.cause = cause
        },
      }
    }
  }

  connect(): void {
    const [localAddress, remoteAddress] = ADDRESSES[this.#family]
    const options = { localAddress, localPort: this.#port++, remoteAddress, remotePort: 80 }
    this.caller.handle = this.client.tcp.connect(options, this.clock.now())
    this.client.pump()
  }

  /** Lets time pass until both streams are through, or `limit` milliseconds. Returns how long it took. */
  run(limit: number): number {
    const start = this.clock.now()
    while (this.clock.now() - start < limit && !(this.caller.isDone && this.called.isDone)) this.clock.advance(5)
    return this.clock.now() - start
  }
}
