import { type Batch, type Clock, type Datagram, TokenBucket } from '@millrace/core'
import { Errno, errnoName, type SystemCalls } from '@millrace/native'
import { sendReason } from '../errors.ts'
import { bindPair, closePair, type SocketPair } from '../pair.ts'
import type { Wire, WireSetup } from '../wire.ts'
import { AddressBook } from './address-book.ts'
import type { NativeAddress, NativeLocal } from './addresses.ts'
import { Sender } from './message.ts'
import { NativeReader } from './native-reader.ts'
import { NativeSocket } from './native-socket.ts'

/** Look-ups of routes, about 10 µs each. Beyond it a source address is used without one. */
const LOOKUPS = { perSecond: 2000, burst: 2000 }

/** UDP by system calls: sticky source addresses, marks, no copy on the way. What cannot be sent at once is dropped. */
export class NativeWire implements Wire {
  readonly #system: SystemCalls
  readonly #setup: WireSetup
  readonly #clock: Clock
  readonly #memory: Uint8Array
  readonly #base: number
  readonly #sender: Sender
  readonly #book: AddressBook
  readonly #lookups = new TokenBucket(LOOKUPS)
  #sockets: SocketPair<NativeSocket>
  #reader: NativeReader
  /** The reader of the port before this one. */
  #finished: NativeReader | undefined
  #mark: number
  #stopped = false

  private constructor(system: SystemCalls, setup: WireSetup, sockets: SocketPair<NativeSocket>) {
    const { pool, clock } = setup.context
    this.#system = system
    this.#setup = setup
    this.#clock = clock
    this.#mark = setup.mark
    this.#memory = pool.memory
    this.#base = system.addressOf(pool.memory)
    this.#sender = new Sender(system)
    this.#sockets = sockets
    this.#book = new AddressBook({
      nameOf: (index) => this.#sockets.ipv6?.nameOf(index) ?? '',
      indexOf: (name) => this.#sockets.ipv6?.indexOf(name) ?? 0,
    })
    this.#reader = new NativeReader(system, setup, sockets, this.#book)
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

  async setPort(port: number): Promise<void> {
    const mark = this.#mark
    const sockets = await bindSockets(this.#system, this.#setup, port, mark)
    if (this.#stopped) return closePair(sockets)
    const before = this.#reader
    this.#reader = new NativeReader(this.#system, this.#setup, sockets, this.#book)
    this.#sockets = sockets
    if (this.#mark !== mark) this.setMark(this.#mark)
    this.#finished = before
    await before.finish()
  }

  setMark(mark: number): void {
    this.#sockets.ipv4?.setMark(mark)
    this.#sockets.ipv6?.setMark(mark)
    this.#mark = mark
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
      else this.#send(batch, packet, socket.fd, remote)
    }
  }

  /** The kernel reads where we point: a packet that a layer has moved out of its slot must not show it other memory. */
  #inside({ memory, length, headroom, tailroom }: Datagram): boolean {
    return memory === this.#memory && length >= 0 && headroom >= 0 && tailroom >= 0
  }

  #send(batch: Batch<Datagram>, packet: Datagram, fd: number, remote: NativeAddress): void {
    const { offset, length, segmentSize } = packet
    const step = segmentSize > 0 ? segmentSize : Math.max(length, 1)
    for (let at = 0; at === 0 || at < length; at += step) {
      const result = this.#sendOne(fd, this.#base + offset + at, Math.min(step, length - at), remote, packet)
      if (result < 0) batch.drops.count(sendReason(errnoName(result)), 1)
    }
  }

  #sendOne(
    fd: number,
    address: number,
    size: number,
    remote: NativeAddress,
    { local, trafficClass }: Datagram,
  ): number {
    const source = local?.usable ? this.#book.local(local) : undefined
    if (local === undefined || source === undefined || !this.#leadsBack(remote, source)) {
      if (source !== undefined) local?.refuse()
      return this.#sender.send(fd, address, size, remote, undefined, trafficClass)
    }
    const result = this.#sender.send(fd, address, size, remote, source, trafficClass)
    if (!mayBeTheSource(result)) return result
    const without = this.#sender.send(fd, address, size, remote, undefined, trafficClass)
    if (without === result) return without
    // It was the source: the address is gone, or nothing leads from it to there.
    local.refuse()
    source.refuse()
    source.checked = this.#book.generation
    if (this.#reader.watch === undefined) this.#book.generation++
    return without
  }

  /**
   * Whether the way to `remote` from `source` leaves by the interface at which `source` was learnt. If not, the route has
   * changed or never was symmetric, and the source is forgotten as the kernel's WireGuard forgets it. IPv4 only, as there;
   * looked up once for each change of the host's routes.
   */
  #leadsBack(remote: NativeAddress, source: NativeLocal): boolean {
    const { generation } = this.#book
    const { watch } = this.#reader
    if (source.checked === generation || source.family === 6 || source.interfaceIndex === 0) return true
    if (watch === undefined || !this.#lookups.take(this.#clock.now())) return true
    source.checked = generation
    const leaving = watch.interfaceTo(remote.words[1] as number, source.words[0] as number, this.#mark)
    if (leaving <= 0 || leaving === source.interfaceIndex) return true
    source.refuse()
    return false
  }
}

function mayBeTheSource(result: number): boolean {
  return (
    result === -Errno.EINVAL ||
    result === -Errno.EADDRNOTAVAIL ||
    result === -Errno.ENETUNREACH ||
    result === -Errno.EHOSTUNREACH ||
    result === -Errno.ENODEV
  )
}

function bindSockets(
  system: SystemCalls,
  { address }: WireSetup,
  port: number,
  mark: number,
): Promise<SocketPair<NativeSocket>> {
  return bindPair((family, wanted, at) => NativeSocket.bind(system, mark, family, wanted, at), port, address)
}
