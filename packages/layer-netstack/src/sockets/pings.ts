import { errnoName, type SystemCalls } from '@millrace/native'
import type { EgressAddress } from '../egress/egress-options.ts'
import { isSame } from '../ip/same-bytes.ts'
import { PingMemory, PingSocket } from './ping-socket.ts'
import { Waiter } from './waiter.ts'

/** A request on its way. */
interface Request {
  readonly flow: number
  readonly sequence: number
  readonly egress: EgressAddress
  readonly destination: Uint8Array
  readonly expires: number
}

/** Who is told of replies; `payload` is good until this returns. */
export type ReplyListener = (flow: number, sequence: number, payload: Uint8Array) => void

/** How long a reply may take, milliseconds. */
const LIFETIME = 30_000
/** Replies taken in a row before other work of the process gets its turn. */
const TURN = 256

/**
 * The echo requests of all flows, through one socket for each egress address. Each goes out with a sequence number of our
 * own, of which there are 65,536 at once; a reply counts only if it comes from where that request went.
 */
export class Pings {
  readonly #sockets: ReadonlyMap<EgressAddress, PingSocket>
  readonly #waiter: Waiter
  readonly #listener: ReplyListener
  readonly #now: () => number
  /** By our sequence number, the oldest first. */
  readonly #requests = new Map<number, Request>()
  #sequence: number

  /** The pings of these egress addresses; or why the system allows none: the name of an error. */
  static open(
    system: SystemCalls,
    addresses: readonly EgressAddress[],
    listener: ReplyListener,
    now: () => number,
    firstSequence: number,
  ): Pings | string {
    const memory = new PingMemory(system)
    const sockets = new Map<EgressAddress, PingSocket>()
    for (const address of addresses) {
      const socket = PingSocket.open(system, address.bytes, memory)
      if (typeof socket !== 'number') {
        sockets.set(address, socket)
        continue
      }
      for (const open of sockets.values()) open.close()
      return errnoName(socket)
    }
    return new Pings(system, sockets, listener, now, firstSequence)
  }

  private constructor(
    system: SystemCalls,
    sockets: ReadonlyMap<EgressAddress, PingSocket>,
    listener: ReplyListener,
    now: () => number,
    firstSequence: number,
  ) {
    this.#sockets = sockets
    const descriptors = [...sockets.values()].map(({ fd }) => fd)
    this.#waiter = new Waiter(system, descriptors, () => this.#look())
    this.#listener = listener
    this.#now = now
    this.#sequence = firstSequence & 0xffff
  }

  /** Sends a request of a flow. Returns why not, or undefined. */
  send(
    flow: number,
    egress: EgressAddress,
    destination: Uint8Array,
    sequence: number,
    payload: Uint8Array,
  ): string | undefined {
    this.#sequence = (this.#sequence + 1) & 0xffff
    const result = this.#sockets.get(egress)?.send(destination, this.#sequence, payload) ?? -1
    if (result < 0) return 'ping-not-sent'
    this.#forget()
    this.#requests.delete(this.#sequence)
    this.#requests.set(this.#sequence, { flow, sequence, egress, destination, expires: this.#now() + LIFETIME })
    this.#waiter.wait()
    return undefined
  }

  /** Resolves when all is closed. */
  async close(): Promise<void> {
    this.#requests.clear()
    await this.#waiter.stop()
    for (const socket of this.#sockets.values()) socket.close()
  }

  #look(): void {
    for (const [egress, socket] of this.#sockets) this.#receive(egress, socket)
    this.#forget()
    // What has come in is not waited for any longer.
    if (this.#requests.size > 0) this.#waiter.wait()
  }

  #receive(egress: EgressAddress, socket: PingSocket): void {
    for (let left = TURN; left > 0; left--) {
      const reply = socket.receive()
      if (reply === undefined) return
      const request = this.#requests.get(reply.sequence)
      if (request === undefined || request.egress !== egress || !isSame(request.destination, reply.source)) continue
      this.#requests.delete(reply.sequence)
      this.#listener(request.flow, request.sequence, reply.payload)
    }
  }

  #forget(): void {
    const now = this.#now()
    for (const [sequence, { expires }] of this.#requests) {
      if (expires > now) return
      this.#requests.delete(sequence)
    }
  }
}
