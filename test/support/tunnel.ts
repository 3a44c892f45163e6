import { type NetworkConditions, SimulatedNetwork, VirtualClock } from '@millrace/core/testing'
import { encodeKey, publicKeyOf } from '@millrace/layer-wireguard'
import { End, type EndOptions } from './tunnel-end.ts'

export const SECOND = 1000
export const PRIVATE_A: string = encodeKey(new Uint8Array(32).fill(0x48))
export const PRIVATE_B: string = encodeKey(new Uint8Array(32).fill(0x50))
export const PUBLIC_A: string = publicKeyOf(PRIVATE_A)
export const PUBLIC_B: string = publicKeyOf(PRIVATE_B)
export const WIRE_A = '192.0.2.1:1001'
export const WIRE_B = '192.0.2.2:1002'

export interface TunnelOptions {
  readonly a?: EndOptions
  readonly b?: EndOptions
  readonly conditions?: Partial<NetworkConditions>
}

/** A datagram as it was put on the wire. */
export interface Sent {
  /** Clock.now, milliseconds. */
  readonly at: number
  readonly from: string
  readonly kind: string
  readonly bytes: Uint8Array
}

/**
 * Two ends of a WireGuard tunnel over a simulated network, a clock to turn, and a log of the wire. A (10.0.0.1) knows
 * where B (10.0.0.2) is; B learns where A is. The network takes no time unless told to.
 */
export class Tunnel implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock()
  readonly network: SimulatedNetwork
  readonly a: End
  readonly b: End
  /** Everything sent so far. */
  readonly sent: Sent[] = []
  /** Which datagrams the network loses. */
  loses: (sent: Sent) => boolean = () => false
  #taken = 0

  private constructor({ a = {}, b = {}, conditions = {} }: TunnelOptions) {
    this.network = new SimulatedNetwork(conditions)
    const usual = this.network.conditions
    this.network.eavesdrop = ({ from, bytes }) => {
      const name = from.equals(this.a.wire.address) ? 'a' : from.equals(this.b.wire.address) ? 'b' : `${from}`
      const sent = { at: this.clock.now(), from: name, kind: kindOf(bytes), bytes }
      this.sent.push(sent)
      this.network.conditions = this.loses(sent) ? { ...usual, loss: 1 } : usual
    }
    this.a = new End({
      clock: this.clock,
      seed: 1,
      privateKey: PRIVATE_A,
      wire: this.network.udp(WIRE_A),
      address: '10.0.0.1',
      other: '10.0.0.2',
      otherWire: WIRE_B,
      known: { publicKey: PUBLIC_B, endpoint: WIRE_B, allowedIps: ['10.0.0.2/32'], name: 'b' },
      ...a,
    })
    this.b = new End({
      clock: this.clock,
      seed: 2,
      privateKey: PRIVATE_B,
      wire: this.network.udp(WIRE_B),
      address: '10.0.0.2',
      other: '10.0.0.1',
      otherWire: WIRE_A,
      known: { publicKey: PUBLIC_A, allowedIps: ['10.0.0.1/32'], name: 'a' },
      ...b,
    })
  }

  static async start(options: TunnelOptions = {}): Promise<Tunnel> {
    const tunnel = new Tunnel(options)
    await tunnel.a.start()
    await tunnel.b.start()
    return tunnel
  }

  /** A tunnel with a session that A began at 0, without any data, so that nothing is owed. */
  static async established(options: TunnelOptions = {}): Promise<Tunnel> {
    const tunnel = await Tunnel.start(options)
    tunnel.a.layer.peers.update(PUBLIC_B, { persistentKeepalive: 1 })
    tunnel.advance(0)
    tunnel.a.layer.peers.update(PUBLIC_B, { persistentKeepalive: 0 })
    tunnel.take()
    return tunnel
  }

  advance(milliseconds: number): void {
    this.clock.advance(milliseconds)
  }

  /** Goes on to a time, milliseconds from the beginning. */
  advanceTo(time: number): void {
    this.clock.advance(time - this.clock.now())
  }

  /** The wire since the last call: `12.5 a initiation`, time in seconds. */
  take(): string[] {
    const taken = this.sent.slice(this.#taken)
    this.#taken = this.sent.length
    return taken.map(({ at, from, kind }) => `${Math.round(at) / SECOND} ${from} ${kind}`)
  }

  /** The last datagram of a kind that an end sent. */
  last(from: string, kind: string): Uint8Array {
    const found = this.sent.findLast((sent) => sent.from === from && sent.kind === kind)
    if (found === undefined) throw new Error(`${from} has sent no ${kind}`)
    return found.bytes
  }

  /** Stops both ends; neither may still hold a packet. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.a.stop()
    await this.b.stop()
  }
}

function kindOf(bytes: Uint8Array): string {
  const kind = ['none', 'initiation', 'response', 'cookie-reply', 'data'][bytes[0] ?? 0] ?? 'unknown'
  return kind === 'data' && bytes.length === 32 ? 'keepalive' : kind
}
