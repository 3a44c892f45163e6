import {
  asIpPacket,
  asPeerPacket,
  Batch,
  type DuplexLayer,
  type IpPacket,
  type PeerPacket,
  parseIp,
  Spare,
  type Token,
  token,
} from '@millrace/core'
import type { PeerState } from '../device/peer.ts'
import type { PrefixTable } from './prefix-table.ts'

/** The device-wide table of allowed IPs: which peer holds which prefix. Provided by `wireguard`. */
export type AllowedIpTable = PrefixTable<PeerState>

export const ALLOWED_IPS: Token<AllowedIpTable> = token('AllowedIps')

/**
 * WireGuard's cryptokey routing (paper §2), both ways checked. Up: the header is parsed once for all layers above, and a
 * packet passes only if its source address leads to the very peer that sent it, in the table of all peers. Down: the
 * peer is the one with the longest prefix that contains the destination.
 *
 * Drops: the reasons of `parseIp`; `source-not-allowed`; `no-peer-for-destination`.
 */
export function allowedIps(): DuplexLayer<PeerPacket, IpPacket> {
  let table: AllowedIpTable | undefined

  const reasonAgainst = (packet: PeerPacket): string | undefined => {
    const malformed = parseIp(packet)
    if (malformed !== undefined) return malformed
    const { version, offset, view, peer } = asIpPacket(packet)
    const holder = table?.lookup(version, view, offset + (version === 4 ? 12 : 8))
    return holder !== undefined && holder === peer ? undefined : 'source-not-allowed'
  }
  const routed = (packet: IpPacket): string | undefined => {
    const { version, offset, view } = packet
    const peer = table?.lookup(version, view, offset + (version === 4 ? 16 : 24))
    if (peer === undefined) return 'no-peer-for-destination'
    packet.peer = peer
    return undefined
  }

  const upBatches = new Spare(() => new Batch<IpPacket>())
  const downBatches = new Spare(() => new Batch<PeerPacket>())
  return {
    name: 'allowedIps',
    start(context) {
      table = context.require(ALLOWED_IPS, 'allowedIps() needs a wireguard() line further down, towards the wire')
    },
    up: {
      layer: (inner) => ({
        serve(batch) {
          const out = upBatches.take()
          for (let i = 0; i < batch.length; i++) {
            const packet = batch.at(i)
            const reason = reasonAgainst(packet)
            if (reason === undefined) out.push(asIpPacket(packet))
            else batch.drop(packet, reason)
          }
          if (out.length > 0) inner.serve(out)
          out.clear()
          upBatches.giveBack(out)
        },
      }),
    },
    down: {
      layer: (inner) => ({
        serve(batch) {
          const out = downBatches.take()
          for (let i = 0; i < batch.length; i++) {
            const packet = batch.at(i)
            const reason = routed(packet)
            if (reason === undefined) out.push(asPeerPacket(packet))
            else batch.drop(packet, reason)
          }
          if (out.length > 0) inner.serve(out)
          out.clear()
          downBatches.giveBack(out)
        },
      }),
    },
  }
}
