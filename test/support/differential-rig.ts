import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { SeededRandom } from '@millrace/core/testing'
import { RouteNetlink } from '@millrace/native'
import { nativeSystem, PacketSocket } from '@millrace/native/testing'
import { MacVerifier } from '../../packages/layer-wireguard/src/proto/macs.ts'
import { HOST4, HOST6, idOfInner, numberBytes } from './differential-inner.ts'
import { Listener } from './differential-listener.ts'
import { FIRST_NET, hex, newKeyPair, PlayedPeer } from './differential-peer.ts'
import type { Scene, Shot } from './differential-shot.ts'
import type { Subject } from './differential-subject.ts'
import { Timekeeper } from './differential-timekeeper.ts'
import { Wire } from './differential-wire.ts'

const PORT = 51_820
const MTU = 1420
const BELLS = 12
/** Bytes. Less than the smallest receive buffer there may be. */
const AT_ONCE = 32_000

export interface Aimed {
  readonly shot: Shot
  readonly socket: number
  readonly peer: PlayedPeer
}

/** What joins the attacker to the namespace of the implementation. */
interface Joints {
  readonly listener: Listener
  readonly wire: Wire
  /** A program on the host behind the implementation. */
  readonly host: Socket
  /** What comes out of the tunnel. */
  readonly capture: PacketSocket
}

/** The attacker with all its peers, joined to an implementation in the namespace of this thread. */
export class Rig {
  readonly attacked: readonly PlayedPeer[]
  readonly time: Timekeeper
  readonly #subject: Subject
  readonly #joints: Joints
  readonly #identity: PlayedPeer['keys']
  #lastId = 0

  private constructor(subject: Subject, joints: Joints, attacked: number, seed: number) {
    this.#subject = subject
    this.#joints = joints
    const random = new SeededRandom(seed)
    this.#identity = newKeyPair(random)
    const played = (net: number): PlayedPeer => new PlayedPeer(net, random, net % 2 === 0)
    this.attacked = Array.from({ length: attacked }, (_, i) => played(FIRST_NET + i))
    const scene = (peer: PlayedPeer): Scene => this.scene(peer, random)
    const bells = Array.from({ length: BELLS }, (_, i) => played(2 + i))
    this.time = new Timekeeper({ ...joints, random, scene, anchor: played(1), bells })
  }

  /** Configures the implementation and its interface, and waits until it answers. */
  static async start(subject: Subject, attacked: number, seed: number): Promise<Rig> {
    const system = nativeSystem()
    const netlink = new RouteNetlink(system)
    const index = netlink.linkIndex(subject.interfaceName)
    if (index === undefined) throw new Error(`there is no ${subject.interfaceName}`)
    netlink.changeLink(index, { mtu: MTU, ipv6AddressGeneration: 'none' })
    netlink.addAddress(index, `${HOST4}/8`)
    netlink.addAddress(index, `${HOST6}/32`)
    netlink.changeLink(index, { up: true })
    const listener = new Listener()
    const wire = await Wire.open(PORT, (bytes, socket) => listener.received(bytes, socket))
    const host = createSocket('udp4').bind(0, HOST4)
    await once(host, 'listening')
    const rig = new Rig(subject, { listener, wire, host, capture: new PacketSocket(system, index) }, attacked, seed)
    await rig.#configure()
    return rig
  }

  close(): void {
    const { wire, host, capture } = this.#joints
    for (const part of [wire, host, capture]) part.close()
  }

  scene(peer: PlayedPeer, random: SeededRandom): Scene {
    const newId = (): number => ++this.#lastId
    return { peer, peers: this.attacked, random, target: this.#identity.publicKey, newId }
  }

  /** Sends, waits until the implementation has done what it will do, and tells what became of each shot. */
  async play(aimed: readonly Aimed[]): Promise<readonly string[]> {
    const last = aimed[aimed.length - 1]
    if (last === undefined) return []
    await this.#send(aimed)
    if (aimed.some(({ shot }) => shot.bytes[0] !== 4)) await this.time.ring(last.socket)
    await this.time.settle(last.socket)
    const now = performance.now()
    for (const { shot } of aimed) if (shot.initiation !== undefined) shot.initiation.peer.lastInitiationAt = now
    const { listener, capture } = this.#joints
    for (const packet of capture.take()) {
      const id = idOfInner(packet) ?? (aimed.length === 1 ? last.shot.id : undefined)
      if (this.time.isEcho(id) || listener.delivered(id, packet)) continue
      listener.remark(last.shot.id, `stray ${hex(packet)}`)
    }
    this.time.forgetEchoes()
    return aimed.map(({ shot }) => listener.outcome(shot.id))
  }

  /** Takes the peer away and configures it anew; with the endpoint of a socket that any source address reaches. */
  async renew(peer: PlayedPeer, endpoint?: number): Promise<void> {
    const lines = peer.lines(endpoint === undefined ? undefined : this.#joints.wire.endpoint(endpoint))
    await this.#subject.set([`public_key=${hex(peer.keys.publicKey)}`, 'remove=true', ...lines])
    peer.forget()
  }

  /** Lets the host send to a peer that has no session but an endpoint; the initiation that comes of it. */
  async provoke(peer: PlayedPeer): Promise<Uint8Array> {
    const { listener } = this.#joints
    const verifier = new MacVerifier(peer.keys.publicKey)
    const find = (): Uint8Array | undefined =>
      listener.initiations.find((bytes) => bytes.length === 148 && verifier.verifyMac1(bytes))
    listener.initiations = []
    this.#fromHost(peer, 0)
    await listener.until(() => find() !== undefined, 'an initiation')
    return find() as Uint8Array
  }

  /** Where the implementation sends what the host sends to this peer. */
  async probe(peer: PlayedPeer): Promise<string> {
    const { listener } = this.#joints
    const id = ++this.#lastId
    this.#fromHost(peer, id)
    await listener.heardOf(id, `a packet of the host's to peer ${peer.net}`)
    return listener.outcome(id)
  }

  async #configure(): Promise<void> {
    const peers = [...this.time.peers, ...this.attacked]
    const own = [`private_key=${hex(this.#identity.privateKey)}`, `listen_port=${PORT}`]
    await this.#subject.set([...own, ...peers.flatMap((peer) => peer.lines())])
    await this.time.awaken()
    this.#joints.capture.take()
  }

  async #send(aimed: readonly Aimed[]): Promise<void> {
    const { listener, wire } = this.#joints
    let size = 0
    for (const { shot, socket, peer } of aimed) {
      const { bytes, counter, session } = shot
      listener.expect(shot, socket, peer)
      wire.send(bytes, socket)
      if (counter !== undefined) session?.remember({ counter, bytes })
      size += bytes.length
      if (size <= AT_ONCE) continue
      await this.time.roundTrip(socket)
      size = 0
    }
  }

  #fromHost({ net }: PlayedPeer, id: number): void {
    this.#joints.host.send(numberBytes(id), 9, `10.${net}.0.1`)
  }
}
