import { PacketPool, parseIp } from '@millrace/core'
import { LayerRig } from '@millrace/core/testing'
import { nat } from '@millrace/layer-nat'
import { type Emitted, type NatUnderTest, TUNNEL_MTU } from './nat-differential-kernel.ts'
import { GATEWAY, OUTSIDE } from './nat-world.ts'

/** Milliseconds from one packet to the next: ours has its rates by this clock. */
const STEP = 50

/** Our NAT in memory, behind the check of the IP header that every endpoint does. */
export class LayerNat implements NatUnderTest {
  readonly #pool = new PacketPool({ slots: 4, jumboSlots: 1 })
  readonly #rig: LayerRig

  private constructor(rig: LayerRig) {
    this.#rig = rig
  }

  static async start(seed: number): Promise<LayerNat> {
    const layer = nat({ address: OUTSIDE, gatewayAddress: GATEWAY, mtu: TUNNEL_MTU, otherProtocols: true })
    return new LayerNat(await LayerRig.start(layer, { seed }))
  }

  put(direction: 'up' | 'down', bytes: Uint8Array): readonly Emitted[] {
    this.#rig.clock.advance(STEP)
    if (this.#parses(bytes)) this.#rig[direction](bytes)
    return this.#rig.take()
  }

  close(): Promise<void> {
    return this.#rig.stop()
  }

  #parses(bytes: Uint8Array): boolean {
    const packet = this.#pool.acquire(bytes.length)
    if (packet === undefined) throw new Error('the pool is large enough')
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    const reason = parseIp(packet)
    packet.release()
    return reason === undefined
  }
}
