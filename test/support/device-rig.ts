import {
  asDatagram,
  asPeerPacket,
  type Packet,
  PacketPool,
  type PeerPacket,
  parseSocketAddress,
  type Random,
  type SocketAddress,
} from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { PrefixTable } from '../../packages/layer-wireguard/src/allowed-ips/prefix-table.ts'
import type { CryptoProvider } from '../../packages/layer-wireguard/src/crypto/crypto.ts'
import { nodeCrypto } from '../../packages/layer-wireguard/src/crypto/node.ts'
import { Device } from '../../packages/layer-wireguard/src/device/device.ts'
import type { PeerState } from '../../packages/layer-wireguard/src/device/peer.ts'
import { PASS } from '../../packages/layer-wireguard/src/device/verdict.ts'
import { decodeKey } from '../../packages/layer-wireguard/src/keys.ts'

/** Where everything comes from that a rig receives. */
export const WIRE: SocketAddress = parseSocketAddress('192.0.2.9:51820')

export interface DeviceRigOptions {
  readonly privateKey: string
  readonly crypto?: CryptoProvider
  readonly random?: Random
  readonly mtu?: number
  /** Packets that can be held at once. Default 64. */
  readonly slots?: number
}

/** A device alone: what it wants to send is kept as hex. */
export class DeviceRig {
  readonly pool: PacketPool
  readonly out: string[] = []
  readonly drops: Record<string, number> = {}
  readonly device: Device

  constructor({
    privateKey,
    crypto = nodeCrypto,
    random = new SeededRandom(1),
    mtu = 1420,
    slots = 64,
  }: DeviceRigOptions) {
    this.pool = new PacketPool({ slots, jumboSlots: 0 })
    const bytes = decodeKey(privateKey, 'key')
    this.device = new Device({
      local: { privateKey: bytes, publicKey: crypto.publicKey(bytes) },
      crypto,
      random,
      allowedIps: new PrefixTable(),
      mtu,
      copy: (packet) => this.pool.copy(packet),
      output: {
        transmitMessage: (message) => this.out.push(Buffer.from(message).toString('hex')),
        acquire: (size) => this.pool.acquire(size),
        transmitPacket: (packet) => {
          this.out.push(hexOf(packet))
          packet.release()
        },
        drop: (reason, packets) => {
          this.drops[reason] = (this.drops[reason] ?? 0) + packets
        },
        event: () => {},
      },
    })
  }

  receive(bytes: Uint8Array, from: SocketAddress = WIRE): { verdict: string; content: string } {
    const packet = asDatagram(this.#packet(bytes))
    packet.remote = from
    const verdict = this.device.receive(packet)
    const content = hexOf(packet)
    packet.release()
    return { verdict, content }
  }

  /** Sends `bytes` to a peer; `change` is made to the packet before. */
  send(peer: PeerState | undefined, bytes: Uint8Array, change: (packet: PeerPacket) => unknown = () => {}): string {
    const packet = asPeerPacket(this.#packet(bytes))
    packet.peer = peer as PeerState
    change(packet)
    const verdict = this.device.send(packet)
    if (verdict === PASS) this.out.push(hexOf(packet))
    packet.release()
    return verdict
  }

  take(): string[] {
    return this.out.splice(0)
  }

  #packet(bytes: Uint8Array): Packet {
    const packet = this.pool.acquire(bytes.length)
    if (packet === undefined) throw new Error('the pool is large enough')
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    return packet
  }
}

function hexOf(packet: Packet): string {
  return Buffer.from(packet.bytes()).toString('hex')
}
