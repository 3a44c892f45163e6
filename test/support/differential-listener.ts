import { nodeCrypto } from '../../packages/layer-wireguard/src/crypto/node.ts'
import { readResponse } from '../../packages/layer-wireguard/src/proto/handshake.ts'
import { MacVerifier } from '../../packages/layer-wireguard/src/proto/macs.ts'
import {
  cookieReply,
  KEEPALIVE_LENGTH,
  readUint32,
  response,
} from '../../packages/layer-wireguard/src/proto/messages.ts'
import { fromHost } from './differential-inner.ts'
import { type PlayedPeer, Session } from './differential-peer.ts'
import type { SentInitiation, Shot } from './differential-shot.ts'

const PATIENCE = 5000

interface Awaited {
  readonly shot: Shot
  readonly socket: number
}

interface Held {
  readonly session: Session
  readonly peer: PlayedPeer
  /** Whether the peer has it already: what it began itself, once it was answered. */
  begun: boolean
}

/** Makes out what comes from the implementation, and says of each shot what came of it. */
export class Listener {
  readonly #shots = new Map<number, Awaited>()
  readonly #initiations = new Map<number, Awaited>()
  readonly #sessions = new Map<number, Held>()
  readonly #remarks = new Map<number, Set<string>>()
  /** Initiations of the implementation's. */
  initiations: Uint8Array[] = []
  #wake: () => void = () => {}

  /** To be told before the shot leaves. */
  expect(shot: Shot, socket: number, peer: PlayedPeer): void {
    this.#shots.set(shot.id, { shot, socket })
    if (shot.initiation !== undefined && shot.bytes.length >= 8) {
      this.#initiations.set(readUint32(shot.bytes, 4), { shot, socket })
    }
    const { session } = shot
    if (session?.shot === shot.id) this.#sessions.set(session.localIndex, { session, peer, begun: false })
  }

  remark(id: number, text: string): void {
    const remarks = this.#remarks.get(id)
    if (remarks === undefined) this.#remarks.set(id, new Set([text]))
    else remarks.add(text)
  }

  /** A packet has come out of the tunnel. False if it stands for no shot. */
  delivered(id: number | undefined, packet: Uint8Array): boolean {
    const inner = id === undefined ? undefined : this.#shots.get(id)?.shot.inner
    if (id === undefined || inner === undefined) return false
    const same = Buffer.compare(packet, inner.subarray(0, packet.length)) === 0
    this.remark(id, same ? `delivered ${packet.length} bytes` : 'delivered something else')
    return true
  }

  /** What became of a shot, and forgets it. */
  outcome(id: number): string {
    const remarks = [...(this.#remarks.get(id) ?? [])].sort()
    this.#shots.delete(id)
    this.#remarks.delete(id)
    return remarks.length === 0 ? 'dropped' : remarks.join(', ')
  }

  async heardOf(id: number, what: string): Promise<void> {
    await this.until(() => this.#remarks.has(id), what)
  }

  isHeardOf(id: number): boolean {
    return this.#remarks.has(id)
  }

  /** Waits for something that comes with a message, or throws that it did not come. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + PATIENCE
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`the implementation has not sent ${what}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PATIENCE / 10)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  received(bytes: Uint8Array, socket: number): void {
    const type = bytes.length < KEEPALIVE_LENGTH ? 0 : readUint32(bytes, 0)
    if (type === 1) this.initiations.push(bytes)
    else if (type === 2) this.#response(bytes, socket)
    else if (type === 3) this.#cookieReply(bytes)
    else if (type === 4) this.#transport(bytes, socket)
    this.#wake()
  }

  #response(bytes: Uint8Array, socket: number): void {
    const awaited = this.#initiations.get(response.receiverIndex(bytes))
    const sent = awaited?.shot.initiation
    if (awaited === undefined || sent === undefined) return
    const { peer, state, presharedKey, stamp } = sent
    peer.initiationAnswered()
    peer.lastInitiation = awaited.shot.bytes
    peer.answeredStamp = stamp
    peer.lastResponse = bytes
    const { encryptedEmpty, ephemeral, senderIndex } = response
    const read = readResponse(nodeCrypto, state, peer.keys, presharedKey, ephemeral(bytes), encryptedEmpty(bytes))
    const where = socket === awaited.socket ? '' : ' to another socket'
    this.remark(awaited.shot.id, `${describe(bytes, sent)}${read === undefined ? ' of other keys' : ''}${where}`)
    if (read === undefined) return
    const localIndex = response.receiverIndex(bytes)
    const session = new Session(read.keys, localIndex, senderIndex(bytes), awaited.shot.id)
    peer.add(session)
    this.#sessions.set(localIndex, { session, peer, begun: true })
  }

  #echoed(id: number, socket: number): void {
    const awaited = this.#shots.get(id)
    this.remark(id, `echoed${socket === awaited?.socket ? '' : ' elsewhere'}`)
    if (awaited?.shot.session !== undefined) awaited.shot.session.confirmed = true
  }

  #cookieReply(bytes: Uint8Array): void {
    const awaited = this.#initiations.get(cookieReply.receiverIndex(bytes))
    if (awaited !== undefined) this.remark(awaited.shot.id, 'cookie reply')
  }

  #transport(bytes: Uint8Array, socket: number): void {
    const held = this.#sessions.get(readUint32(bytes, 4))
    if (held === undefined) return
    const { session, peer } = held
    const plain = Uint8Array.from(bytes)
    const [low, high] = [readUint32(bytes, 8), readUint32(bytes, 12)]
    if (!session.receive.open(high, low, plain, 16, plain.length - 16)) return
    session.lastReceived = bytes
    if (!held.begun) {
      held.begun = true
      session.confirmed = true
      peer.add(session)
      this.remark(session.shot, `session begun${socket === this.#shots.get(session.shot)?.socket ? '' : ' elsewhere'}`)
    }
    const inner = plain.subarray(16, -16)
    const found = inner.length === 0 ? undefined : fromHost(inner)
    if (found?.kind === 'probe') this.remark(found.id, `sent to socket ${socket}`)
    if (found?.kind === 'echo') this.#echoed(found.id, socket)
  }
}

function describe(bytes: Uint8Array, { peer }: SentInitiation): string {
  if (!new MacVerifier(peer.keys.publicKey).verifyMac1(bytes)) return 'response with a bad mac1'
  if (bytes.subarray(-16).every((byte) => byte === 0)) return 'response'
  const cookie = peer.cookies.findIndex((madeWith) => madeWith(bytes))
  return cookie < 0 ? 'response with mac2 of nobody' : `response with cookie ${cookie + 1}`
}
