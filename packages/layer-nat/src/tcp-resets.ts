import {
  asIpPacket,
  checksum,
  type IcmpAnswerStatistics,
  type IpPacket,
  type PacketPool,
  parseIp,
  pseudoHeaderSum4,
  SharedRate,
} from '@millrace/core'
import { tcpHeaderLength } from './classify.ts'
import { TCP } from './protocols.ts'
import { ACK, FIN, RST, SYN } from './tcp-state.ts'

const HEADERS = 40
const TTL = 64

/**
 * Resets to the inside for segments of connections that the NAT knows nothing of, in the name of the other end and just
 * as that would make them (RFC 9293 §3.10.7.1).
 */
export class TcpResets {
  readonly #pool: PacketPool
  readonly #push: (packet: IpPacket) => void
  /** As many as ICMP errors, but not at their expense. */
  readonly #rate = new SharedRate()
  #sent = 0
  #limited = 0
  #unsent = 0

  /** `push` takes over each reset, to be sent to the inside behind the batch under way. */
  constructor(pool: PacketPool, push: (packet: IpPacket) => void) {
    this.#pool = pool
    this.#push = push
  }

  /** To be called with a TCP segment over IPv4 whose header has been checked. `now` in milliseconds. */
  add(packet: IpPacket, now: number): void {
    if (packet.isFragment || (packet.view.getUint8(packet.transport + 13) & RST) !== 0) return
    if (!this.#rate.take(packet, now)) {
      this.#limited++
      return
    }
    const answer = this.#pool.acquire(HEADERS)
    if (answer === undefined) {
      this.#unsent++
      return
    }
    answer.length = HEADERS
    write(answer.view, answer.offset, packet)
    answer.arrival = now
    answer.direction = 'down'
    answer.peer = packet.peer
    parseIp(answer)
    this.#push(asIpPacket(answer))
    this.#sent++
  }

  statistics(): IcmpAnswerStatistics {
    return { sent: this.#sent, limited: this.#limited, unsent: this.#unsent }
  }
}

function write(view: DataView, ip: number, packet: IpPacket): void {
  const { view: from, transport, source4, destination4, sourcePort, destinationPort, offset, length } = packet
  view.setUint32(ip, 0x4500_0000 | HEADERS)
  // Never to be fragmented, so it needs no identification (RFC 6864 §4.1).
  view.setUint32(ip + 4, 0x4000)
  view.setUint32(ip + 8, (TTL << 24) | (TCP << 16))
  view.setUint32(ip + 12, destination4)
  view.setUint32(ip + 16, source4)
  view.setUint16(ip + 10, checksum(view, ip, 20))
  const tcp = ip + 20
  const flags = from.getUint8(transport + 13)
  const acknowledges = (flags & ACK) !== 0
  const data = offset + length - transport - tcpHeaderLength(packet)
  const span = data + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0)
  const sequence = acknowledges ? from.getUint32(transport + 8) : 0
  const acknowledged = acknowledges ? 0 : from.getUint32(transport + 4) + span
  const control = 0x5000 | RST | (acknowledges ? 0 : ACK)
  view.setUint32(tcp, (destinationPort << 16) | sourcePort)
  view.setUint32(tcp + 4, sequence)
  view.setUint32(tcp + 8, acknowledged)
  view.setUint32(tcp + 12, control << 16)
  view.setUint32(tcp + 16, 0)
  view.setUint16(tcp + 16, checksum(view, tcp, 20, pseudoHeaderSum4(view, ip, TCP, 20)))
}
