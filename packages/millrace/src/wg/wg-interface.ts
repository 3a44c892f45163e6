import { bind, type Gateway, LOGGER, type Logger, type RunningStack, runtimeWith, stack } from '@millrace/core'
import { type TunHandle, tun } from '@millrace/layer-tun'
import { type UdpEndpoint, udp } from '@millrace/layer-udp'
import { allowedIps, type UapiTarget, type WireguardLayer, wireguard } from '@millrace/layer-wireguard'
import type { Disabled } from '../disabled.ts'
import { type InterfaceSockets, InterfaceTarget } from './interface-target.ts'

/** How often the interface is looked at, milliseconds: a look costs some microseconds. */
const LOOK_INTERVAL = 100

export interface WgInterfaceOptions {
  /** Stays the caller's to close. */
  readonly handle: TunHandle
  readonly logger: Logger
  readonly disabled: Disabled
  /** Threads that encrypt and decrypt. */
  readonly threads: number
  /** Called once: somebody has deleted the interface. */
  readonly onGone: () => void
}

/**
 * A WireGuard interface on a TUN device. It follows what the host does to the interface, in whatever network namespace
 * that is now: while it is up its sockets are open and packets flow, while it is down it is silent. Sockets are opened in
 * the namespace this process is in.
 */
export class WgInterface implements InterfaceSockets {
  readonly target: UapiTarget
  readonly #options: WgInterfaceOptions
  readonly #wire: UdpEndpoint
  readonly #device: WireguardLayer
  readonly #stack: Gateway
  readonly #timer: NodeJS.Timeout
  #running: RunningStack | undefined
  #port = 0
  #isUp = false
  #mtu = 0
  #ended = false
  /** Everything that opens or closes sockets, one after the other; none of it rejects. */
  #work: Promise<void> = Promise.resolve()

  constructor(options: WgInterfaceOptions) {
    const { handle, logger, disabled, threads } = options
    this.#options = options
    this.#wire = udp(disabled.udp)
    this.#device = wireguard({ threads })
    this.target = new InterfaceTarget(this.#device.target, this)
    this.#stack = stack(this.#wire, { runtime: runtimeWith(bind(LOGGER, logger), ...disabled.bindings) })
      .layer(this.#device)
      .layer(allowedIps())
      .end(tun({ fd: handle.fd, ...disabled.tun, onGone: () => this.#gone() }))
    this.#device.events.subscribe((event) => logger.debug(event, 'wireguard'))
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL)
    this.#look()
  }

  /** UDP port; while down the one it had or is to have. */
  get port(): number {
    return this.#wire.port || this.#port
  }

  get mark(): number {
    return this.#wire.mark
  }

  /** Rejects with the system's error if an interface that is up cannot have the port. */
  setPort(port: number): Promise<void> {
    const change = this.#inTurn(async () => {
      await this.#wire.setPort(port)
      this.#port = this.#running === undefined ? port : this.#wire.port
      // It may be the port that kept it from opening.
      if (this.#isUp) await this.#open()
    })
    return change.catch((error: Error) => {
      throw error.cause ?? error
    })
  }

  setMark(mark: number): void {
    this.#wire.setMark(mark)
  }

  /** Sessions end, and all is closed when it resolves. */
  close(): Promise<void> {
    this.#ended = true
    clearInterval(this.#timer)
    this.#isUp = false
    return this.#inTurn(() => this.#shut())
  }

  #look(): void {
    const link = this.#options.handle.link()
    if (link === undefined) {
      this.#gone()
      return
    }
    if (link.mtu !== undefined && link.mtu !== this.#mtu) {
      this.#mtu = link.mtu
      this.#device.setMtu(link.mtu)
      this.#options.logger.debug({ mtu: link.mtu }, 'MTU')
    }
    if (link.up !== this.#isUp) this.#follow(link.up)
  }

  #follow(isUp: boolean): void {
    const { logger } = this.#options
    this.#isUp = isUp
    logger.debug({}, isUp ? 'interface up' : 'interface down')
    this.#inTurn(() => (this.#isUp ? this.#open() : this.#shut())).catch((err) =>
      logger.error({ err }, isUp ? 'cannot open the sockets' : 'cannot close the sockets'),
    )
  }

  async #open(): Promise<void> {
    if (this.#running !== undefined) return
    // The port it had when it was up before, unless it was told another.
    await this.#wire.setPort(this.#port)
    this.#running = await this.#stack.start()
    this.#port = this.#wire.port
  }

  async #shut(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.stop()
  }

  #gone(): void {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.#timer)
    this.#options.onGone()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => {})
    return done
  }
}
