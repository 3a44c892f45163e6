import { type IcmpErrorKind, type IpPacket, UDP } from '@millrace/core'
import { readErrorKind } from '../icmp/error-kind.ts'
import { readQuoted } from '../icmp/quoted.ts'
import { KEY_WORDS } from '../ip/socket-pair.ts'

/** An ICMP error about a datagram of ours, read once. One object serves for any number. */
export class IcmpReport {
  /** The two ends of the datagram, the one it was sent from local. */
  readonly key: Int32Array = new Int32Array(KEY_WORDS)
  kind: IcmpErrorKind = 'port-unreachable'
  /** Of the next link; 0 where the error says none. */
  mtu = 0

  get localPort(): number {
    return (this.key[8] as number) >>> 16
  }

  get remotePort(): number {
    return (this.key[8] as number) & 0xffff
  }

  /** `packet` has a right checksum. Returns the reason for a drop, or undefined. */
  read(packet: IpPacket): string | undefined {
    const { view, version, transport } = packet
    if (readQuoted(this.key, packet, UDP) === 0) return 'icmp-not-about-udp'
    const kind = readErrorKind(version, view.getUint8(transport), view.getUint8(transport + 1))
    if (kind === undefined) return 'icmp-type-not-used'
    this.kind = kind
    this.mtu = 0
    if (kind === 'packet-too-big') {
      this.mtu = version === 4 ? view.getUint16(transport + 6) : view.getUint32(transport + 4)
    }
    return undefined
  }
}
