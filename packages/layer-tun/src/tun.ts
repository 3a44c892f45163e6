import {
  type Batch,
  type Context,
  type Endpoint,
  EnvironmentError,
  HOST_SUPER_PACKETS,
  type IpPacket,
  type Service,
} from '@millrace/core'
import { loadNative, RouteNetlink, SYSTEM_CALLS, type SystemCalls } from '@millrace/native'
import { TunHandle } from './handle.ts'
import { TunOffload } from './offload.ts'
import { type CheckedOptions, checkOptions, type TunOptions } from './options.ts'
import { TunQueue } from './queue.ts'

/** The host end on a TUN device, and the interface it got. */
export interface TunEndpoint extends Endpoint<IpPacket> {
  readonly name: string
  /** Name of the network interface, as the kernel gave it; empty while not started. */
  readonly interfaceName: string
  /** Index of the network interface; 0 while not started, and of a device that was given by its descriptor. */
  readonly index: number
}

/**
 * The host, through a TUN device of its own: what the host routes to the interface comes in, what the stack sends the
 * host receives. Interface, addresses and routes are made at start and are gone after stop. Linux, with CAP_NET_ADMIN.
 *
 * Throws a ConfigurationError for options that cannot be; `start` rejects with an EnvironmentError where the machine
 * has no koffi, no TUN or no privilege, or refuses an address or route.
 */
export function tun(options: TunOptions = {}): TunEndpoint {
  return new KernelTun(checkOptions(options))
}

/** What is open between start and stop. */
interface Open {
  readonly handle: TunHandle
  readonly queue: TunQueue
  readonly offload: TunOffload
  readonly index: number
}

class KernelTun implements TunEndpoint {
  readonly name = 'tun'
  readonly #options: CheckedOptions
  #stack: Service<IpPacket> = { serve() {} }
  #open: Open | undefined
  #closed: Promise<void> = Promise.resolve()

  constructor(options: CheckedOptions) {
    this.#options = options
  }

  get interfaceName(): string {
    return this.#open?.handle.interfaceName ?? ''
  }

  get index(): number {
    return this.#open?.index ?? 0
  }

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.#stack = stack
    return { serve: (batch) => this.#serve(batch) }
  }

  start(context: Context): void {
    const system = context.runtime.get(SYSTEM_CALLS)
    if (system === undefined) throw new EnvironmentError(unavailable())
    const { fd, name } = this.#options
    const { tcp, udp } = this.#options.offload
    const handle = fd === undefined ? TunHandle.create(system, name, tcp || udp) : TunHandle.adopt(system, fd)
    try {
      const index = fd === undefined ? this.#configure(system, handle.interfaceName) : 0
      const offload = new TunOffload(handle, this.#options.offload, (transport) => refused(context, handle, transport))
      context.provide(HOST_SUPER_PACKETS, offload)
      const onGone = (reason: string): void => this.#gone(context, handle.interfaceName, reason)
      const queue = new TunQueue({ system, handle, offload, context, stack: this.#stack, onGone })
      this.#open = { handle, queue, offload, index }
    } catch (error) {
      this.#release(handle)
      throw error
    }
  }

  /** The interface is gone when it resolves; calling it again waits for the same. */
  stop(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    if (open !== undefined) this.#closed = this.#close(open)
    return this.#closed
  }

  async #close({ handle, queue, offload }: Open): Promise<void> {
    await queue.stop()
    offload.disable()
    this.#release(handle)
  }

  /** A descriptor that was given stays open. */
  #release(handle: TunHandle): void {
    if (this.#options.fd === undefined) handle.close()
  }

  #gone(context: Context, interfaceName: string, reason: string): void {
    const { onGone } = this.#options
    if (onGone !== undefined) onGone()
    else context.logger.error({ interface: interfaceName, reason }, 'tun: reading has ended')
  }

  #configure(system: SystemCalls, interfaceName: string): number {
    const { mtu, addresses, routes } = this.#options
    const netlink = new RouteNetlink(system)
    const index = netlink.linkIndex(interfaceName)
    if (index === undefined)
      throw new EnvironmentError(`tun: the interface ${interfaceName} vanished while it was set up`)
    netlink.changeLink(index, { mtu })
    silenceIpv6(netlink, index)
    for (const address of addresses) netlink.addAddress(index, address)
    netlink.changeLink(index, { up: true })
    for (const route of routes) netlink.addRoute(route, { index })
    return index
  }

  #serve(batch: Batch<IpPacket>): void {
    const queue = this.#open?.queue
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const reason = queue === undefined ? 'not-open' : queue.write(packet)
      if (reason !== undefined) batch.drop(packet, reason)
    }
  }
}

/** Without it the kernel solicits routers and neighbours on the interface. A kernel without IPv6 refuses, and is silent anyway. */
function silenceIpv6(netlink: RouteNetlink, index: number): void {
  try {
    netlink.changeLink(index, { ipv6AddressGeneration: 'none' })
  } catch {}
}

function refused({ logger }: Context, { interfaceName }: TunHandle, transport: string): void {
  const fields = { interface: interfaceName, transport }
  logger.warn(fields, 'tun: the kernel refuses packets of several segments; they are written one by one from now on')
}

function unavailable(): string {
  const { reason = 'no system calls are bound' } = loadNative()
  return `tun: needs Linux and koffi: ${reason}`
}
