import type { Batch, Context, Datagram, Service, WireShedding, WireSuperPackets } from '@millrace/core'
import type { Offloads } from './options.ts'

/** Open sockets of either kind. `udp()` opens one at start, and forgets it at stop. */
export interface Wire {
  readonly port: number
  /** What is in use just now. */
  readonly offload: Offloads
  /** Undefined where each datagram comes in by itself. */
  readonly superPackets: WireSuperPackets | undefined
  /** Undefined where nothing can be lost on purpose. */
  readonly shedding: WireShedding | undefined
  serve(batch: Batch<Datagram>): void
  /** Rejects with the system's error, and changes nothing, if the port cannot be had. */
  setPort(port: number): Promise<void>
  /** Throws an EnvironmentError, and changes nothing, if it cannot be. */
  setMark(mark: number): void
  /** Nothing is delivered once it is called; what was sent before has left when it resolves. */
  stop(): Promise<void>
}

/** What a wire is opened with. */
export interface WireSetup {
  readonly context: Context
  /** Where datagrams go that come in. */
  readonly stack: Service<Datagram>
  readonly port: number
  readonly address: string | undefined
  readonly mark: number
  readonly offload: Offloads
}

/** Datagrams served in one batch at most; what else has arrived follows in the next. */
export const BATCH = 64
/** Socket buffers asked for, bytes, as wireguard-go does; the system gives what net.core.rmem_max allows. */
export const SOCKET_BUFFER: number = 7 * 1024 * 1024
