import { type PeerPacket, updateChecksum16 } from '@millrace/core'

// Explicit congestion notification through the tunnel (RFC 6040 in its compatibility mode, as the kernel does it): a
// router that marks the outer packet must be heard by those who talk inside.

const ECN_MASK = 3
const ECT_0 = 2
const CE = 3
/** DSCP AF41 for handshakes (kernel messages.h), so that they come through when the way is full. */
export const HANDSHAKE_TRAFFIC_CLASS = 0x88

/** The traffic class of the datagram that carries a packet: its ECN bits, a mark reset to ECT(0); and no DSCP, which tells. */
export function outerTrafficClass({ memory, offset, length }: PeerPacket): number {
  if (length < 20) return 0
  const first = memory[offset] as number
  const second = memory[offset + 1] as number
  const version = first >> 4
  const inner = version === 4 ? second : version === 6 ? second >> 4 : 0
  return (inner & ECN_MASK) === CE ? ECT_0 : inner & ECN_MASK
}

/** Marks the packet inside if the datagram came marked, and if its sender speaks ECN. */
export function carryCongestion(packet: PeerPacket, trafficClass: number): void {
  if ((trafficClass & ECN_MASK) !== CE || packet.length < 20) return
  const { memory, view, offset } = packet
  const version = (memory[offset] as number) >> 4
  if (version === 4) {
    const before = view.getUint16(offset)
    if ((before & ECN_MASK) === 0) return
    view.setUint16(offset, before | CE)
    view.setUint16(offset + 10, updateChecksum16(view.getUint16(offset + 10), before, before | CE))
  } else if (version === 6) {
    const before = view.getUint16(offset)
    if (((before >> 4) & ECN_MASK) !== 0) view.setUint16(offset, before | (CE << 4))
  }
}
