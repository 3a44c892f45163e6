import type { IpPacket } from '@millrace/core'
import { ICMP, TCP, UDP } from './protocols.ts'

/** Why a packet cannot be translated: its ports or checksum are not where they should be. Undefined if it can. */
export function unfit(packet: IpPacket): string | undefined {
  const { protocol, transport } = packet
  // Behind the first fragment there are none; those who need them do not ask.
  if (packet.isFragment && (packet.view.getUint16(packet.offset + 6) & 0x1fff) !== 0) return undefined
  if (protocol !== TCP && protocol !== UDP && protocol !== ICMP) return undefined
  if (transport === 0) return 'transport-truncated'
  if (protocol !== TCP) return undefined
  const length = tcpHeaderLength(packet)
  return length < 20 || transport + length > packet.offset + packet.length ? 'tcp-header-invalid' : undefined
}

export function tcpHeaderLength(packet: IpPacket): number {
  return ((packet.memory[packet.transport + 12] as number) >> 4) * 4
}

/** Addresses that no router forwards (RFC 6890, RFC 3927 §2.7): network 0, loopback, link-local, multicast, class E, broadcast. */
export function isMartian(address: number): boolean {
  const first = address >>> 24
  return first === 0 || first === 127 || first >= 224 || address >>> 16 === 0xa9fe
}

/** Whether the packet may be fragmented further on, or has been: then its identification must be its own (RFC 6864 §4). */
export function isNonAtomic(packet: IpPacket): boolean {
  return packet.isFragment || (packet.view.getUint8(packet.offset + 6) & 0x40) === 0
}

/** A few addresses, most often one. */
export class AddressSet {
  readonly #first: number
  readonly #others: ReadonlySet<number>

  constructor(addresses: readonly number[]) {
    const [first = 0, ...others] = addresses.map((address) => address | 0)
    this.#first = first
    this.#others = new Set(others)
  }

  /** Of an address as a 32-bit number, signed or not. */
  has(address: number): boolean {
    const word = address | 0
    return word === this.#first || (this.#others.size > 0 && this.#others.has(word))
  }
}
