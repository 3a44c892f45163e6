import { addAbortSignal } from 'node:stream'
import { type Context, HOST_SUPER_PACKETS, type IpPacket, type Service, systemRandom } from '@millrace/core'
import { IcmpErrors } from '../icmp/icmp-errors.ts'
import { MachineLoop } from '../loop/machine-loop.ts'
import type { TcpStatistics } from '../tcp/surroundings.ts'
import { Tcp } from '../tcp/tcp.ts'
import { Attempts, type AttemptsHost, type Destination } from './attempts.ts'
import type { BindOptions } from './datagram-arguments.ts'
import { EphemeralPorts } from './ephemeral-ports.ts'
import type { Flow, FlowOwner } from './flow.ts'
import { addressBytes, addressText, HostAddresses } from './host-addresses.ts'
import { HostDatagrams } from './host-datagrams.ts'
import { HostFlows } from './host-flows.ts'
import { HostMachine } from './host-machine.ts'
import type { Destinations, DialOptions, NetstackEndpoint } from './netstack-endpoint.ts'
import { Notices } from './notices.ts'
import { type NetstackOptions, type NetstackSettings, readNetstackOptions } from './options.ts'
import { checkPort } from './ports.ts'
import { ServerTable } from './server-table.ts'
import { socketError } from './socket-error.ts'
import { type DatagramSocketOptions, TunnelDatagramSocket } from './tunnel-datagram-socket.ts'
import type { ListenOptions, TunnelServer } from './tunnel-server.ts'
import { TunnelSocket } from './tunnel-socket.ts'

/**
 * A host of its own inside the tunnel, in this process and without root: programs dial from it and listen on it. It takes
 * only packets that are sent to its own addresses. When its stack stops, connections end with a RST; their sockets are
 * destroyed without an error, and those that were being opened with `ECONNABORTED`.
 *
 *     const host = netstack({ addresses: ['10.0.0.2'] })
 *     await stack(udp()).layer(wireguard(…)).layer(allowedIps()).end(host).start()
 *     const socket = host.dial({ address: '10.0.0.1', port: 80 })
 *
 * Throws a ConfigurationError for options that cannot be.
 *
 * Drops: `not-for-this-host`, `protocol-not-supported`, `udp-not-connected-to`, `udp-receive-queue-full`, and those of
 * TCP, UDP, ICMP and reassembly.
 */
export function netstack(options: NetstackOptions): NetstackEndpoint {
  return new Netstack(readNetstackOptions(options))
}

/** What there is between start and stop. */
interface Running {
  readonly context: Context
  readonly loop: MachineLoop
  readonly tcp: Tcp
  readonly flows: HostFlows
  readonly datagrams: HostDatagrams
}

class Netstack implements NetstackEndpoint {
  readonly name: string
  readonly addresses: readonly string[]
  readonly #settings: NetstackSettings
  readonly #own: HostAddresses
  readonly #servers: ServerTable
  #stack: Service<IpPacket> = { serve() {} }
  #running: Running | undefined

  constructor(settings: NetstackSettings) {
    this.name = settings.name
    this.#settings = settings
    this.addresses = settings.addresses.map(addressText)
    this.#own = new HostAddresses(settings.addresses, settings.routes)
    const ports = new EphemeralPorts(systemRandom)
    this.#servers = new ServerTable(this.#own, (isFree) => ports.drawn(isFree))
  }

  get statistics(): TcpStatistics | undefined {
    return this.#running?.tcp.statistics
  }

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.#stack = stack
    return { serve: (batch) => this.#serve(batch) }
  }

  start(context: Context): void {
    const { clock, random, pool, signal } = context
    const { mtu } = this.#settings
    const loop = new MachineLoop(context, this.#stack)
    const { outbox } = loop
    const errors = new IcmpErrors({}, outbox)
    const surroundings = { outbox, sums: pool.sums, random, now: clock.now(), errors }
    const notices = new Notices()
    const wake = (): void => loop.wake()
    const addresses = this.#own
    const tcp = new Tcp({ ...this.#settings.tcp, mtu, superPackets: false }, surroundings)
    const flows = new HostFlows({ tcp, addresses, acceptor: this.#servers, notices, clock, random, wake })
    const datagrams = new HostDatagrams(mtu, { ...surroundings, addresses, notices, clock, wake })
    const parts = { addresses, tcp, listener: flows, udp: datagrams.ports, mtu }
    loop.run(new HostMachine(parts, surroundings, context))
    this.#running = { context, loop, tcp, flows, datagrams }
    context.provide(HOST_SUPER_PACKETS, {
      tcp: true,
      udp: true,
      enable() {
        tcp.superPackets = true
      },
    })
    // While the lines further down can still send.
    signal.addEventListener('abort', () => this.#hangUp(), { once: true })
  }

  stop(): void {
    this.#hangUp()
  }

  reaches(address: string): boolean {
    const bytes = addressBytes(address)
    return bytes !== undefined && this.#own.reaches(bytes)
  }

  dial(to: Destinations, { localAddress, localPort = 0, signal, ...options }: DialOptions = {}): TunnelSocket {
    checkPort(localPort, 'dial localPort')
    const host: AttemptsHost = {
      open: (destination, owner) => this.#open(destination, localAddress, localPort, owner),
      setTimer: (delay, callback) => this.#running?.context.clock.setTimer(delay, callback),
    }
    const socket = new TunnelSocket((seeker) => {
      const attempts = new Attempts(host, seeker)
      void Promise.resolve(to).then(
        (found) => attempts.begin('address' in found ? [found] : found),
        (error) => attempts.fail(error instanceof Error ? error : new Error(String(error))),
      )
      return attempts
    }, options)
    if (signal !== undefined) addAbortSignal(signal, socket)
    return socket
  }

  listen(options: ListenOptions, onConnection?: (socket: TunnelSocket) => void): TunnelServer {
    const server = this.#servers.listen(options)
    if (onConnection !== undefined) server.on('connection', onConnection)
    return server
  }

  createSocket(options?: DatagramSocketOptions): TunnelDatagramSocket {
    const running = (): HostDatagrams | undefined => this.#running?.datagrams
    const host = {
      get datagrams() {
        return running()
      },
      own: this.#settings.addresses,
    }
    return new TunnelDatagramSocket(host, options)
  }

  bind({ port = 0, address, ...options }: BindOptions & DatagramSocketOptions): TunnelDatagramSocket {
    return this.createSocket(options).bind({ port, ...(address === undefined ? {} : { address }) })
  }

  #open({ address, port }: Destination, from: string | undefined, localPort: number, owner: FlowOwner): Flow {
    checkPort(port, 'dial port', 1)
    const running = this.#running
    const remoteAddress = addressBytes(address)
    const localAddress = from === undefined ? undefined : addressBytes(from)
    if (running === undefined) throw socketError('ENETDOWN', 'connect')
    if (remoteAddress === undefined) throw socketError('EHOSTUNREACH', 'connect')
    if (from !== undefined && localAddress === undefined) throw socketError('EADDRNOTAVAIL', 'connect')
    return running.flows.open({ remoteAddress, remotePort: port, localAddress, localPort }, owner)
  }

  #serve(batch: Parameters<Service<IpPacket>['serve']>[0]): void {
    const running = this.#running
    if (running !== undefined) {
      running.loop.serve(batch)
      return
    }
    for (let i = 0; i < batch.length; i++) batch.drop(batch.at(i), 'not-open')
  }

  /** Ends all connections, with a RST to the other ends, and all servers. */
  #hangUp(): void {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    this.#servers.closeAll()
    running.flows.abortAll()
    running.datagrams.closeAll()
    running.loop.stop()
  }
}
