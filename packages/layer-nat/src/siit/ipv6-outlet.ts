import { asIpPacket, type Batch, Burst, type IpPacket, type PacketPool, type Service, Spare } from '@millrace/core'
import { CUT, type ToIpv6 } from './to-ipv6.ts'

/** Translates IPv4 packets to IPv6 and serves them, cut where they do not fit, to the next service. */
export class Ipv6Outlet implements Service<IpPacket> {
  readonly #next: Service<IpPacket>
  readonly #translator: ToIpv6
  readonly #drop: (reason: string, packets: number) => void
  readonly #bursts: Spare<Burst<IpPacket>>

  constructor(
    next: Service<IpPacket>,
    translator: ToIpv6,
    pool: PacketPool,
    drop: (reason: string, packets: number) => void,
  ) {
    this.#next = next
    this.#translator = translator
    this.#drop = drop
    this.#bursts = new Spare(() => new Burst<IpPacket>(pool))
  }

  serve(batch: Batch<IpPacket>): void {
    const burst = this.#bursts.take()
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const reason = this.#translator.translate(packet)
      if (reason === undefined) burst.lend(packet)
      else if (reason === CUT) this.#cut(packet, burst)
      else this.#drop(reason, packet.segments)
    }
    burst.serve(this.#next)
    this.#bursts.giveBack(burst)
  }

  #cut(packet: IpPacket, burst: Burst<IpPacket>): void {
    const translator = this.#translator
    const { pieces } = translator
    for (let i = 0; i < pieces; i++) {
      const piece = burst.acquire(translator.pieceLength)
      if (piece === undefined) {
        this.#drop('pool-empty', 1)
        return
      }
      piece.kind = 'ip'
      piece.direction = packet.direction
      piece.arrival = packet.arrival
      piece.peer = packet.peer
      const asIp = asIpPacket(piece)
      translator.writePiece(i, asIp)
      burst.push(asIp)
    }
  }
}
