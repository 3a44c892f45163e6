import { LayerRig } from '@millrace/core/testing'
import { nat } from '../nat.ts'
import type { NatLayer } from '../nat-layer.ts'
import type { NatOptions } from '../options.ts'
import type { NatRecord } from '../session-records.ts'

export const PEER = { name: 'laptop' }
export const options: NatOptions = {
  address: ['203.0.113.7', '203.0.113.8'],
  secret: 'the same for both',
  sessions: 512,
  mapping: { udp: 'endpoint-independent' },
  filtering: { udp: 'endpoint-independent', icmp: 'address-dependent' },
}

/** One of those between which sessions move. */
export class Gateway {
  readonly layer: NatLayer
  readonly rig: LayerRig
  peer: { readonly name: string } | undefined

  private constructor(layer: NatLayer, rig: LayerRig, peer: { readonly name: string } | undefined) {
    this.layer = layer
    this.rig = rig
    this.peer = peer
  }

  static async start(given: NatOptions, seed: number, at = 0, peer?: { readonly name: string }): Promise<Gateway> {
    return Gateway.of(nat(given), seed, at, peer)
  }

  static async of(layer: NatLayer, seed: number, at = 0, peer?: { readonly name: string }): Promise<Gateway> {
    const rig = await LayerRig.start(layer, { seed })
    rig.clock.advance(at)
    return new Gateway(layer, rig, peer)
  }

  up(bytes: Uint8Array): Uint8Array[] {
    if (this.peer === undefined) this.rig.up(bytes)
    else this.rig.up({ bytes, peer: this.peer })
    return this.rig.take().map((output) => output.bytes)
  }

  down(bytes: Uint8Array): Uint8Array[] {
    this.rig.down(bytes)
    return this.rig.take().map((output) => output.bytes)
  }

  /** As if it had been on disk. */
  export(): NatRecord[] {
    return [...this.layer.exportSessions()].map((record) => JSON.parse(JSON.stringify(record)) as NatRecord)
  }
}
