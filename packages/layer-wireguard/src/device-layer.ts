import {
  asDatagram,
  type Batch,
  Burst,
  type Context,
  type Datagram,
  type DuplexLayer,
  HOST_SUPER_PACKETS,
  makeFallback,
  type PeerPacket,
  Segmenter,
  type Service,
  Spare,
  systemRandom,
  type Timer,
  WIRE,
  WIRE_SHEDDING,
  WIRE_SUPER_PACKETS,
  type WireControl,
  type WireShedding,
} from '@millrace/core'
import type { Observable } from 'rxjs'
import { Subject } from 'rxjs/internal/Subject'
import { ALLOWED_IPS, type AllowedIpTable } from './allowed-ips/allowed-ips.ts'
import { PrefixTable } from './allowed-ips/prefix-table.ts'
import { CRYPTO } from './crypto/crypto.ts'
import { Device } from './device/device.ts'
import { HANDSHAKE_TRAFFIC_CLASS } from './device/ecn.ts'
import type { WireguardEvent } from './device/events.ts'
import type { HandOver } from './device/hand-over.ts'
import { CONSUMED, PASS } from './device/verdict.ts'
import { DeviceTarget } from './device-target.ts'
import { encodeKey, keyPairOf } from './keys.ts'
import { NamedEndpoints } from './named-endpoints.ts'
import { Opener } from './opener.ts'
import { checkThreads, parsePeer } from './options.ts'
import { type LookupPeer, PeerLookup } from './peer-lookup.ts'
import { PeerSet } from './peer-set.ts'
import { MESSAGE_INITIATION, MESSAGE_RESPONSE } from './proto/messages.ts'
import type { Threads, ThreadsOwner } from './threads/threads.ts'
import type { UapiTarget } from './uapi/target.ts'
import type { WireguardLayer, WireguardOptions } from './wireguard.ts'

/** Messages of anybody, as they begin: a session's are not among them. */
const HANDSHAKES = [MESSAGE_INITIATION, MESSAGE_RESPONSE]

/** Joins a `Device` to a stack: gives it the time and the packets, takes what it makes, and wakes it. */
export class DeviceLayer implements WireguardLayer {
  readonly name = 'wireguard'
  readonly peers: PeerSet
  readonly target: UapiTarget
  readonly events: Observable<WireguardEvent>
  readonly up: DuplexLayer<Datagram, PeerPacket>['up']
  readonly down: DuplexLayer<Datagram, PeerPacket>['down']
  readonly #allowedIps: AllowedIpTable = new PrefixTable()
  readonly #device: Device
  readonly #events = new Subject<WireguardEvent>()
  #openers: Spare<Opener> | undefined
  #bursts: Spare<Burst<Datagram>> | undefined
  #wire: Service<Datagram> | undefined
  #context: Context | undefined
  /** What goes out to the wire, be it of the batch that is being served or of the device's own making. */
  #own: Burst<Datagram> | undefined
  readonly #lookupPeer: LookupPeer | undefined
  #publicKey: Uint8Array | undefined
  #wireControl: WireControl | undefined
  #shedding: WireShedding | undefined
  #lookup: PeerLookup | undefined
  #names: NamedEndpoints | undefined
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  readonly #threadCount: number
  #threads: Threads | undefined
  #inner: Service<PeerPacket> | undefined

  constructor({ privateKey, peers = [], mtu = 1420, lookupPeer, threads = 1 }: WireguardOptions) {
    checkThreads(threads)
    this.#threadCount = threads
    this.#lookupPeer = lookupPeer
    const crypto = makeFallback(CRYPTO)
    const local = keyPairOf(crypto, privateKey)
    this.#publicKey = local?.publicKey
    this.#device = new Device({
      local,
      crypto,
      random: systemRandom,
      allowedIps: this.#allowedIps,
      mtu,
      copy: (packet) => this.#context?.pool.copy(packet),
      output: {
        transmitMessage: (message, remote, local) => {
          const packet = this.#context?.pool.acquire(message.length)
          if (packet === undefined) {
            this.#drop('pool-empty')
            return
          }
          packet.memory.set(message, packet.offset)
          packet.length = message.length
          packet.remote = remote
          packet.local = local
          packet.trafficClass = HANDSHAKE_TRAFFIC_CLASS
          this.#own?.push(asDatagram(packet))
        },
        acquire: (size) => this.#context?.pool.acquire(size),
        transmitPacket: (packet) => this.#own?.push(packet),
        drop: (reason, packets) => this.#drop(reason, packets),
        event: (event) => this.#events.next(event),
        findEndpoint: (id, name, failed) => void this.#names?.find(id, name, failed),
        unknownPeer: (id, packet) => this.#lookup?.ask(id, packet) ?? false,
      },
    })
    this.peers = new PeerSet((work) => this.#withDevice(work), this.#allowedIps)
    this.target = new DeviceTarget({
      withDevice: (work) => this.#withDevice(work),
      allowedIps: this.#allowedIps,
      wire: () => this.#wireControl,
      setPrivateKey: (key) => this.setPrivateKey(key),
    })
    this.events = this.#events.asObservable()
    for (const peer of peers) this.#device.addPeer(parsePeer(peer))
    this.up = {
      layer: (inner) => {
        this.#inner = inner
        return { serve: (batch) => this.#serveUp(batch, inner) }
      },
    }
    this.down = {
      layer: (inner) => {
        this.#wire = inner
        return { serve: (batch) => this.#serveDown(batch) }
      },
    }
  }

  get publicKey(): string {
    return this.#publicKey === undefined ? '' : encodeKey(this.#publicKey)
  }

  setMtu(mtu: number): void {
    this.#device.mtu = mtu
  }

  setPrivateKey(key: string | Uint8Array | undefined): void {
    const local = keyPairOf(this.#context?.runtime.get(CRYPTO) ?? makeFallback(CRYPTO), key)
    this.#publicKey = local?.publicKey
    this.#withDevice((device) => device.setPrivateKey(local))
  }

  start(context: Context): void | Promise<void> {
    this.#context = context
    this.#wireControl = context.find(WIRE)
    this.#shedding = context.find(WIRE_SHEDDING)
    const { pool } = context
    this.#bursts = new Spare(() => new Burst<Datagram>(pool))
    this.#own = this.#bursts.take()
    this.#device.use(context.random, context.runtime.get(CRYPTO), new Segmenter(pool.sums))
    this.#startSuperPackets(context)
    context.provide(ALLOWED_IPS, this.#allowedIps)
    this.#names = new NamedEndpoints(context, (work) => this.#withDevice(work))
    if (this.#lookupPeer !== undefined) {
      this.#lookup = new PeerLookup(this.#lookupPeer, context, (peer, packet) =>
        this.#withDevice((device) => device.adopt(peer, packet)),
      )
    }
    return this.#threadCount === 1 ? this.#open() : this.#startThreads(context).then(() => this.#open())
  }

  #open(): void {
    this.#step()
    this.#device.open()
    this.#device.tick()
    this.#finish()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#lookup?.close()
    this.#names?.close()
    await this.#threads?.stop()
    this.#threads = undefined
    this.#timer?.cancel()
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#step()
    this.#device.close()
    this.#context = undefined
  }

  #serveUp(batch: Batch<Datagram>, inner: Service<PeerPacket>): void {
    const opener = this.#openers?.take()
    if (opener === undefined) return
    this.#step(this.#threads?.handOverFor(batch))
    opener.open(batch)
    if (this.#device.underLoad) this.#shedding?.overloaded(HANDSHAKES)
    this.#finish()
    opener.serve(inner)
    this.#openers?.giveBack(opener)
  }

  #serveDown(batch: Batch<PeerPacket>): void {
    this.#step(this.#threads?.handOverFor(batch))
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const verdict = this.#device.send(packet)
      if (verdict === PASS) this.#own?.lend(asDatagram(packet))
      else if (verdict !== CONSUMED) batch.drop(packet, verdict)
    }
    this.#finish()
  }

  /** From here on trains come in, and super-packets come down, if the ends know them: this line takes both apart. */
  #startSuperPackets(context: Context): void {
    const host = context.find(HOST_SUPER_PACKETS)
    this.#openers = new Spare(() => new Opener(context.pool, this.#device, host))
    context.find(WIRE_SUPER_PACKETS)?.enable()
    host?.enable()
  }

  #withDevice<T>(work: (device: Device) => T): T {
    this.#step()
    const result = work(this.#device)
    this.#finish()
    return result
  }

  /** Loaded only here: one thread starts sooner without. */
  async #startThreads(context: Context): Promise<void> {
    const { Threads } = await import('./threads/threads.ts')
    const openers = this.#openers
    // Stopped meanwhile.
    if (openers === undefined || this.#context === undefined) return
    const owner: ThreadsOwner = {
      context,
      openers,
      step: () => this.#step(),
      finish: () => this.#finish(),
      transmit: (packet) => this.#own?.push(packet),
      inner: this.#inner,
    }
    this.#threads = Threads.start(owner, this.#threadCount)
  }

  /** Before the device does anything: tells it the time, and who does its sealing and opening, if not this thread. */
  #step(handOver: HandOver | undefined = this.#threads?.handOver): void {
    const clock = this.#context?.clock
    if (clock !== undefined) this.#device.at(clock.now(), clock.wall(), handOver)
  }

  /** After the device has done something: sends what it made, and wakes it when it next wants to be. */
  #finish(): void {
    const context = this.#context
    if (context === undefined) return
    this.#threads?.publish()
    if (this.#own !== undefined && this.#own.length > 0 && this.#wire !== undefined) {
      // Another takes its place first: what is sent may bring an answer before this call returns.
      const burst = this.#own
      this.#own = this.#bursts?.take()
      burst.serve(this.#wire)
      this.#bursts?.giveBack(burst)
    }
    const next = this.#device.nextDeadline
    if (next >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = next
    this.#timer = context.clock.setTimer(next - context.clock.now(), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#step()
      this.#device.tick()
      this.#finish()
    })
  }

  #drop(reason: string, packets = 1): void {
    this.#context?.drop(reason, packets)
  }
}
