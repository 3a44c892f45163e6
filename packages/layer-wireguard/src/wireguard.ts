import {
  asDatagram,
  asPeerPacket,
  Batch,
  Burst,
  ConfigurationError,
  type Context,
  type Datagram,
  type DuplexLayer,
  makeFallback,
  type PeerPacket,
  type Service,
  Spare,
  systemRandom,
  type Timer,
} from '@millrace/core'
import { type Observable, Subject } from 'rxjs'
import { ALLOWED_IPS, type AllowedIpTable } from './allowed-ips/allowed-ips.ts'
import { PrefixTable } from './allowed-ips/prefix-table.ts'
import { CRYPTO, KEY_LENGTH } from './crypto/crypto.ts'
import { Device } from './device/device.ts'
import type { WireguardEvent } from './device/events.ts'
import { CONSUMED, PASS } from './device/verdict.ts'
import { clamp, decodeKey, encodeKey } from './keys.ts'
import { type PeerOptions, parsePeer } from './options.ts'
import { type LookupPeer, PeerLookup } from './peer-lookup.ts'
import { PeerSet } from './peer-set.ts'

export interface WireguardOptions {
  /** This end's private key: 32 bytes, or base64 as `wg genkey` prints it. */
  readonly privateKey: string | Uint8Array
  readonly peers?: readonly PeerOptions[]
  /** MTU of the tunnel, bytes: padding does not make a message larger than this allows. Default 1420. */
  readonly mtu?: number
  /**
   * Asked when somebody unknown begins a handshake, with the public key in base64: for more peers than one would hold.
   * It may be asynchronous. A peer found so is held while its sessions last (540 s after the last one). At most 256
   * look-ups are under way and begun in a second; who was not found is not asked for again for 10 s.
   */
  readonly lookupPeer?: LookupPeer
}

/** The layer, and the handle by which a program sees and changes its peers while it runs. */
export interface WireguardLayer extends DuplexLayer<Datagram, PeerPacket> {
  /** This end's public key, base64. */
  readonly publicKey: string
  readonly peers: PeerSet
  readonly events: Observable<WireguardEvent>
}

/**
 * WireGuard: datagrams below, authenticated packets of known peers above. It answers and begins handshakes, rekeys,
 * keeps alive and follows peers that move, by itself.
 *
 * Drops on the way up: `bad-length`, `bad-type`, `bad-mac1`, `initiation-not-authentic`, `initiation-replayed`,
 * `initiation-flood`, `unknown-peer`, `ephemeral-of-low-order`, `unknown-index`, `response-not-authentic`,
 * `cookie-not-authentic`, `under-load`, `rate-limited`, `handshake-queue-full`, `session-expired`, `not-authentic`, `replayed`; on the way down: `no-endpoint`,
 * `staged-overflow`, `handshake-failed`, `no-headroom`, `peer-removed`, `peer-key-of-low-order`, `pool-empty`,
 * `super-packet-unsupported`, `device-closed`.
 */
export function wireguard({ privateKey, peers = [], mtu = 1420, lookupPeer }: WireguardOptions): WireguardLayer {
  return new Wireguard(privateKeyBytes(privateKey), peers, mtu, lookupPeer)
}

class Wireguard implements WireguardLayer {
  readonly name = 'wireguard'
  readonly publicKey: string
  readonly peers: PeerSet
  readonly events: Observable<WireguardEvent>
  readonly up: DuplexLayer<Datagram, PeerPacket>['up']
  readonly down: DuplexLayer<Datagram, PeerPacket>['down']
  readonly #allowedIps: AllowedIpTable = new PrefixTable()
  readonly #device: Device
  readonly #events = new Subject<WireguardEvent>()
  readonly #opened = new Spare(() => new Batch<PeerPacket>())
  readonly #sealed = new Spare(() => new Batch<Datagram>())
  #wire: Service<Datagram> | undefined
  #context: Context | undefined
  /** Messages and packets that the device itself sends; served after what is being served now. */
  #own: Burst<Datagram> | undefined
  readonly #lookupPeer: LookupPeer | undefined
  #lookup: PeerLookup | undefined
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(privateKey: Uint8Array, peers: readonly PeerOptions[], mtu: number, lookupPeer: LookupPeer | undefined) {
    this.#lookupPeer = lookupPeer
    const crypto = makeFallback(CRYPTO)
    const local = { privateKey, publicKey: crypto.publicKey(privateKey) }
    this.publicKey = encodeKey(local.publicKey)
    this.#device = new Device({
      local,
      crypto,
      random: systemRandom,
      allowedIps: this.#allowedIps,
      mtu,
      copy: (packet) => this.#context?.pool.copy(packet),
      output: {
        transmitMessage: (message, remote) => {
          const packet = this.#context?.pool.acquire(message.length)
          if (packet === undefined) {
            this.#drop('pool-empty')
            return
          }
          packet.memory.set(message, packet.offset)
          packet.length = message.length
          packet.remote = remote
          this.#own?.push(asDatagram(packet))
        },
        acquire: (size) => this.#context?.pool.acquire(size),
        transmitPacket: (packet) => this.#own?.push(packet),
        drop: (reason, packets) => this.#drop(reason, packets),
        event: (event) => this.#events.next(event),
        unknownPeer: (id, packet) => this.#lookup?.ask(id, packet) ?? false,
      },
    })
    this.peers = new PeerSet((work) => this.#withDevice(work), this.#allowedIps)
    this.events = this.#events.asObservable()
    for (const peer of peers) this.#device.addPeer(parsePeer(peer))
    this.up = { layer: (inner) => ({ serve: (batch) => this.#serveUp(batch, inner) }) }
    this.down = {
      layer: (inner) => {
        this.#wire = inner
        return { serve: (batch) => this.#serveDown(batch, inner) }
      },
    }
  }

  start(context: Context): void {
    this.#context = context
    this.#own = new Burst(context.pool)
    this.#device.use(context.random, context.runtime.get(CRYPTO))
    context.provide(ALLOWED_IPS, this.#allowedIps)
    if (this.#lookupPeer !== undefined) {
      this.#lookup = new PeerLookup(this.#lookupPeer, context, (peer, packet) =>
        this.#withDevice((device) => device.adopt(peer, packet)),
      )
    }
    this.#step()
    this.#device.open()
    this.#device.tick()
    this.#finish()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#lookup?.close()
    this.#step()
    this.#device.close()
    this.#context = undefined
  }

  #serveUp(batch: Batch<Datagram>, inner: Service<PeerPacket>): void {
    this.#step()
    const opened = this.#opened.take()
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const verdict = this.#device.receive(packet)
      if (verdict === PASS) opened.push(asPeerPacket(packet))
      else if (verdict !== CONSUMED) batch.drop(packet, verdict)
    }
    this.#finish()
    if (opened.length > 0) inner.serve(opened)
    opened.clear()
    this.#opened.giveBack(opened)
  }

  #serveDown(batch: Batch<PeerPacket>, inner: Service<Datagram>): void {
    this.#step()
    const sealed = this.#sealed.take()
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const verdict = this.#device.send(packet)
      if (verdict === PASS) sealed.push(asDatagram(packet))
      else if (verdict !== CONSUMED) batch.drop(packet, verdict)
    }
    this.#finish()
    if (sealed.length > 0) inner.serve(sealed)
    sealed.clear()
    this.#sealed.giveBack(sealed)
  }

  #withDevice<T>(work: (device: Device) => T): T {
    this.#step()
    const result = work(this.#device)
    this.#finish()
    return result
  }

  /** Before the device does anything: tells it the time. */
  #step(): void {
    const clock = this.#context?.clock
    if (clock !== undefined) this.#device.at(clock.now(), clock.wall())
  }

  /** After the device has done something: sends what it made, and wakes it when it next wants to be. */
  #finish(): void {
    const context = this.#context
    if (context === undefined) return
    if (this.#own !== undefined && this.#own.length > 0 && this.#wire !== undefined) {
      // Another takes its place first: what is sent may bring an answer before this call returns.
      const burst = this.#own
      this.#own = new Burst(context.pool)
      burst.serve(this.#wire)
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

function privateKeyBytes(key: string | Uint8Array): Uint8Array {
  const bytes = typeof key === 'string' ? decodeKey(key, 'wireguard privateKey') : key.slice()
  if (bytes.length !== KEY_LENGTH) {
    throw new ConfigurationError(`wireguard privateKey: expected ${KEY_LENGTH} bytes, got ${bytes.length}`)
  }
  return clamp(bytes)
}
