import {
  type Batch,
  type Context,
  type Endpoint,
  HOST_SUPER_PACKETS,
  type IpPacket,
  type Service,
} from '@millrace/core'
import type { Observable } from 'rxjs'
import { Subject } from 'rxjs/internal/Subject'
import type { Metric } from '../egress/metric.ts'
import { probeEgressAddresses } from '../egress/probe.ts'
import type { SocketsEvent } from './flow-notes.ts'
import { metricsOf } from './metrics.ts'
import { readOptions, type SocketsOptions, type SocketsSettings } from './options.ts'
import { RunningSockets } from './running-sockets.ts'
import { type SocketsStatistics, statisticsOf } from './statistics.ts'

/** The rootless host end. */
export interface SocketsEndpoint extends Endpoint<IpPacket> {
  readonly name: string
  readonly events: Observable<SocketsEvent>
  /** Undefined while not started. Allocates. */
  statistics(): SocketsStatistics | undefined
  /** In the manner of OpenMetrics; none while not started. Allocates. */
  metrics(): readonly Metric[]
  /**
   * Gives an egress address to no new flow, so that it can be taken away when what it has is over; false undoes that.
   * Returns whether it is one of ours; false also while not started.
   */
  drain(address: string, draining?: boolean): boolean
}

/**
 * The host, without privileges: connections, datagrams and pings of the peers end in a stack of our own, and start anew
 * from ordinary sockets that are bound to the egress address. What may not be reached from here, and what is not at hand,
 * is refused; nothing ever goes out from another address.
 *
 *     stack(udp({ port: 51820 })).layer(wireguard({ privateKey, peers })).layer(allowedIps())
 *       .end(sockets({ egressIp: '203.0.113.7' }))
 *
 * Throws a ConfigurationError for options that cannot be; `start` rejects with an EnvironmentError where an egress address
 * is not this host's.
 */
export function sockets(options: SocketsOptions): SocketsEndpoint {
  return new SocketsEnd(readOptions(options))
}

class SocketsEnd implements SocketsEndpoint {
  readonly name: string
  readonly #settings: SocketsSettings
  readonly #events = new Subject<SocketsEvent>()
  #stack: Service<IpPacket> = { serve() {} }
  #running: RunningSockets | undefined
  #stopped: Promise<void> = Promise.resolve()

  constructor(settings: SocketsSettings) {
    this.name = settings.name
    this.#settings = settings
  }

  get events(): Observable<SocketsEvent> {
    return this.#events.asObservable()
  }

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.#stack = stack
    return { serve: (batch) => this.#serve(batch) }
  }

  async start(context: Context): Promise<void> {
    const running = new RunningSockets(this.#settings, context, this.#stack, this.#events)
    try {
      await probeEgressAddresses(running.addresses.all)
    } catch (error) {
      await running.stop()
      throw error
    }
    this.#running = running
    // While packets still leave: the clients are to hear of it.
    context.signal.addEventListener('abort', () => void this.stop(), { once: true })
    const { unavailable } = running.echoRelay
    if (unavailable !== undefined) {
      context.logger.warn(
        { reason: unavailable },
        'sockets: no ping sockets here (net.ipv4.ping_group_range): pings are refused',
      )
    }
    context.provide(HOST_SUPER_PACKETS, {
      tcp: true,
      udp: false,
      enable: () => {
        running.tcp.superPackets = true
        running.udpRelay.outlets.receiveTrains()
      },
    })
  }

  /** All sockets are closed when it resolves; calling it again waits for the same. */
  stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running !== undefined) this.#stopped = running.stop()
    return this.#stopped
  }

  statistics(): SocketsStatistics | undefined {
    return this.#running && statisticsOf(this.#running)
  }

  metrics(): readonly Metric[] {
    return this.#running === undefined ? [] : metricsOf(this.#running)
  }

  drain(address: string, draining = true): boolean {
    return this.#running?.addresses.setDraining(address, draining) ?? false
  }

  #serve(batch: Batch<IpPacket>): void {
    if (this.#running !== undefined) this.#running.serve(batch)
    else for (let i = 0; i < batch.length; i++) batch.drop(batch.at(i), 'not-open')
  }
}
