import type { IpPacket } from '@millrace/core'
import { writeMapped } from '../ip/socket-pair.ts'

/**
 * Sets `key` by the packet that an ICMP error quotes, which went from us to the other end: its source is local. Returns
 * where its transport header lies, of which 8 bytes are there, or 0 if it is not of `protocol`, or says too little.
 */
export function readQuoted(
  key: Int32Array,
  { view, version, offset, length, transport }: IpPacket,
  protocol: number,
): number {
  const ip = transport + 8
  const end = offset + length
  if (transport === 0 || ip + (version === 4 ? 20 : 40) + 8 > end || view.getUint8(ip) >> 4 !== version) return 0
  if (view.getUint8(ip + (version === 4 ? 9 : 6)) !== protocol) return 0
  const quoted = ip + (version === 4 ? (view.getUint8(ip) & 15) * 4 : 40)
  if (quoted + 8 > end) return 0
  if (version === 4) {
    if (quoted < ip + 20 || (view.getUint16(ip + 6) & 0x1fff) !== 0) return 0
    writeMapped(key, 0, view.getInt32(ip + 12))
    writeMapped(key, 4, view.getInt32(ip + 16))
  } else for (let i = 0; i < 8; i++) key[i] = view.getInt32(ip + 8 + i * 4)
  key[8] = view.getInt32(quoted)
  return quoted
}
