import {
  type Batch,
  type Context,
  type Datagram,
  type Endpoint,
  EnvironmentError,
  type Service,
  WIRE,
  WIRE_SHEDDING,
  WIRE_SUPER_PACKETS,
  type WireControl,
} from '@millrace/core'
import { loadNative, SYSTEM_CALLS, type SystemCalls } from '@millrace/native'
import { explained } from './errors.ts'
import { NativeWire } from './native/native-wire.ts'
import { checkMark, checkOptions, checkPort, NO_OFFLOADS, type Offloads, type UdpOptions } from './options.ts'
import type { Wire, WireSetup } from './wire.ts'

/** The UDP endpoint, and what may be changed of it while it runs; lines further up reach that as `WIRE`. */
export interface UdpEndpoint extends Endpoint<Datagram>, WireControl {
  readonly name: string
  /** Whether its sockets are made by system calls; false before start. */
  readonly native: boolean
  /** What of {@link UdpOptions.offload} is in use just now; nothing before start. */
  readonly offload: Offloads
}

/**
 * UDP over IPv4 and IPv6 on one port. On Linux with koffi by system calls, with sticky source addresses and marks;
 * elsewhere by `node:dgram`, correct everywhere Node runs. A super-packet (`segmentSize`) leaves as the datagrams it
 * stands for; one comes in only after a line further up has asked for it (`WIRE_SUPER_PACKETS`).
 *
 * Throws a ConfigurationError for options that cannot be; `start` rejects with an EnvironmentError where the machine
 * refuses the port, the address or the mark.
 */
export function udp(options: UdpOptions = {}): UdpEndpoint {
  checkOptions(options)
  return new Udp(options)
}

class Udp implements UdpEndpoint {
  readonly name = 'udp'
  readonly #address: string | undefined
  readonly #wanted: boolean | undefined
  readonly #offloadWanted: Offloads
  #port: number
  #mark: number
  #stack: Service<Datagram> = { serve() {} }
  #wire: Wire | undefined
  /** Changes of the port, one after the other; none of them rejects. */
  #changes: Promise<void> = Promise.resolve()
  #closed: Promise<void> = Promise.resolve()

  constructor({ port = 0, address, mark = 0, native, offload }: UdpOptions) {
    this.#port = port
    this.#address = address
    this.#mark = mark
    this.#wanted = native
    this.#offloadWanted = { send: offload?.send ?? true, receive: offload?.receive ?? true }
  }

  get port(): number {
    return this.#wire?.port ?? 0
  }

  get mark(): number {
    return this.#mark
  }

  get native(): boolean {
    return this.#wire instanceof NativeWire
  }

  get offload(): Offloads {
    return this.#wire?.offload ?? NO_OFFLOADS
  }

  connect(stack: Service<Datagram>): Service<Datagram> {
    this.#stack = stack
    return { serve: (batch) => this.#serve(batch) }
  }

  async start(context: Context): Promise<void> {
    const setup: WireSetup = {
      context,
      stack: this.#stack,
      port: this.#port,
      address: this.#address,
      mark: this.#mark,
      offload: this.#offloadWanted,
    }
    const system = this.#wanted === false ? undefined : context.runtime.get(SYSTEM_CALLS)
    if (this.#wanted === true && system === undefined) throw new EnvironmentError(unavailable())
    try {
      this.#wire = await open(system, setup)
    } catch (error) {
      throw explained(error as NodeJS.ErrnoException, this.#port, this.#address)
    }
    context.provide(WIRE, this)
    const { superPackets, shedding } = this.#wire
    if (shedding !== undefined) context.provide(WIRE_SHEDDING, shedding)
    if (superPackets !== undefined) context.provide(WIRE_SUPER_PACKETS, superPackets)
  }

  /** What was handed to the system before has left when it resolves; calling it again waits for the same. */
  stop(): Promise<void> {
    const stopped = this.#wire?.stop()
    this.#wire = undefined
    if (stopped !== undefined) this.#closed = Promise.all([stopped, this.#changes]).then(() => {})
    return this.#closed
  }

  setPort(port: number): Promise<void> {
    const change = this.#changes.then(() => this.#changePort(port))
    this.#changes = change.catch(() => {})
    return change
  }

  setMark(mark: number): void {
    checkMark(mark)
    this.#wire?.setMark(mark)
    this.#mark = mark
  }

  async #changePort(port: number): Promise<void> {
    checkPort(port)
    // A port that is ours already would be lost for a moment by opening it again.
    if (this.#wire !== undefined && (port === 0 || port !== this.#wire.port)) {
      try {
        await this.#wire.setPort(port)
      } catch (error) {
        throw explained(error as NodeJS.ErrnoException, port, this.#address)
      }
    }
    this.#port = port
  }

  #serve(batch: Batch<Datagram>): void {
    if (this.#wire !== undefined) this.#wire.serve(batch)
    else for (let i = 0; i < batch.length; i++) batch.drop(batch.at(i), 'not-open')
  }
}

async function open(system: SystemCalls | undefined, setup: WireSetup): Promise<Wire> {
  if (system !== undefined) return NativeWire.open(system, setup)
  // Loaded where it is needed only: a program with system calls starts sooner without.
  const { PortableWire } = await import('./portable/portable-wire.ts')
  return PortableWire.open(setup)
}

function unavailable(): string {
  const { reason = 'no system calls are bound' } = loadNative()
  return `udp native: needs Linux and koffi: ${reason}`
}
