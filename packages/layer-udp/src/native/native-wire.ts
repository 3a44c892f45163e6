import { release } from 'node:os'
import type { Batch, Datagram, WireShedding, WireSuperPackets } from '@millrace/core'
import { type SystemCalls, soundOffloads } from '@millrace/native'
import type { Offloads } from '../options.ts'
import { bindPair, closePair, type SocketPair } from '../pair.ts'
import type { Wire, WireSetup } from '../wire.ts'
import { AddressBook } from './address-book.ts'
import { NativeReader } from './native-reader.ts'
import { NativeSocket } from './native-socket.ts'
import { Outbox } from './outbox.ts'
import { Sources } from './sources.ts'

/**
 * UDP by system calls, many datagrams a call: sticky source addresses, marks, no copy on the way. What cannot be sent at
 * once is dropped.
 */
export class NativeWire implements Wire, WireSuperPackets, WireShedding {
  readonly #system: SystemCalls
  readonly #setup: WireSetup
  readonly #memory: Uint8Array
  readonly #offloadWanted: Offloads
  readonly #book: AddressBook
  readonly #sources: Sources
  readonly #outbox: Outbox
  #sockets: SocketPair<NativeSocket>
  #reader: NativeReader
  /** The reader of the port before this one. */
  #finished: NativeReader | undefined
  /** Whether trains come in as one packet. */
  #trains = false
  #stopped = false

  private constructor(system: SystemCalls, setup: WireSetup, sockets: SocketPair<NativeSocket>) {
    const { pool, clock, logger } = setup.context
    this.#system = system
    this.#setup = setup
    this.#memory = pool.memory
    const sound = soundOffloads(release())
    this.#offloadWanted = {
      send: setup.offload.send && sound.send,
      receive: setup.offload.receive && sound.receive,
    }
    this.#sockets = sockets
    this.#book = new AddressBook({
      nameOf: (index) => this.#sockets.ipv6?.nameOf(index) ?? '',
      indexOf: (name) => this.#sockets.ipv6?.indexOf(name) ?? 0,
    })
    this.#sources = new Sources(this.#book, clock, setup.mark)
    this.#outbox = new Outbox(system, pool.memory, this.#sources, clock, logger)
    this.#reader = this.#read(sockets)
  }

  static async open(system: SystemCalls, setup: WireSetup): Promise<NativeWire> {
    const sockets = await bindSockets(system, setup, setup.port, setup.mark)
    try {
      return new NativeWire(system, setup, sockets)
    } catch (error) {
      await closePair(sockets)
      throw error
    }
  }

  get port(): number {
    return this.#sockets.port
  }

  get offload(): Offloads {
    const sockets = bothOf(this.#sockets)
    return { send: sockets.every(({ segmentation }) => segmentation), receive: sockets.every(({ trains }) => trains) }
  }

  get superPackets(): WireSuperPackets | undefined {
    return this.#offloadWanted.receive ? this : undefined
  }

  get shedding(): WireShedding {
    return this
  }

  overloaded(firstBytes: readonly number[]): void {
    this.#reader.shedder.overloaded(firstBytes)
    this.#sources.overloadedUntil = this.#reader.shedder.believedUntil
  }

  enable(): void {
    this.#trains = true
    for (const socket of bothOf(this.#sockets)) socket.receiveTrains()
  }

  async setPort(port: number): Promise<void> {
    const { mark } = this.#sources
    const sockets = await bindSockets(this.#system, this.#setup, port, mark)
    if (this.#stopped) return closePair(sockets)
    const before = this.#reader
    this.#reader = this.#read(sockets)
    this.#sockets = sockets
    if (this.#sources.mark !== mark) this.setMark(this.#sources.mark)
    this.#finished = before
    await before.finish()
  }

  setMark(mark: number): void {
    this.#sockets.ipv4?.setMark(mark)
    this.#sockets.ipv6?.setMark(mark)
    this.#sources.mark = mark
    this.#book.generation++
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([this.#reader.stop(), this.#finished?.stop()])
  }

  serve(batch: Batch<Datagram>): void {
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const socket = packet.remote.family === 4 ? this.#sockets.ipv4 : this.#sockets.ipv6
      const remote = this.#book.remote(packet.remote)
      if (socket === undefined) batch.drop(packet, 'no-socket-of-family')
      else if (remote === undefined) batch.drop(packet, 'no-such-address')
      else if (!this.#inside(packet)) batch.drop(packet, 'packet-out-of-bounds')
      else {
        const source = packet.local === undefined ? undefined : this.#sources.sourceOf(packet.local, remote)
        this.#outbox.add(packet, socket, remote, source, batch.drops)
      }
    }
    this.#outbox.flush(batch.drops)
  }

  #read(sockets: SocketPair<NativeSocket>): NativeReader {
    for (const socket of bothOf(sockets)) {
      if (this.#offloadWanted.send) socket.probeSegmentation()
      if (this.#trains) socket.receiveTrains()
    }
    const reader = new NativeReader(this.#system, this.#setup, sockets, this.#book)
    this.#sources.watch = reader.watch
    return reader
  }

  /** The kernel reads where we point: a packet that a layer has moved out of its slot must not show it other memory. */
  #inside({ memory, length, headroom, tailroom }: Datagram): boolean {
    return memory === this.#memory && length >= 0 && headroom >= 0 && tailroom >= 0
  }
}

function bothOf({ ipv4, ipv6 }: SocketPair<NativeSocket>): readonly NativeSocket[] {
  return [ipv4, ipv6].filter((socket) => socket !== undefined)
}

function bindSockets(
  system: SystemCalls,
  { address }: WireSetup,
  port: number,
  mark: number,
): Promise<SocketPair<NativeSocket>> {
  return bindPair((family, wanted, at) => NativeSocket.bind(system, mark, family, wanted, at), port, address)
}
