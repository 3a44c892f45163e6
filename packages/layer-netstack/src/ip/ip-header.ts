import { checksum, type PooledPacket } from '@millrace/core'

const HOP_LIMIT = 64

/** Bytes of an IP header without options or extension headers. */
export function ipHeaderLength(version: 4 | 6): 20 | 40 {
  return version === 4 ? 20 : 40
}

/** Writes an IP header for all of `packet`, whose length is set, from the local to the remote address of a key. */
export function writeIpHeader(packet: PooledPacket, version: 4 | 6, key: Int32Array, protocol: number): void {
  const { view, offset, length } = packet
  if (version === 4) {
    view.setUint32(offset, 0x4500_0000 | length)
    // Not to be fragmented on the way, so it needs no identification (RFC 6864 §4.1).
    view.setUint32(offset + 4, 0x4000)
    view.setUint32(offset + 8, (HOP_LIMIT << 24) | (protocol << 16))
    view.setInt32(offset + 12, key[3] as number)
    view.setInt32(offset + 16, key[7] as number)
    view.setUint16(offset + 10, checksum(view, offset, 20))
    return
  }
  view.setUint32(offset, 0x6000_0000)
  view.setUint32(offset + 4, ((length - 40) << 16) | (protocol << 8) | HOP_LIMIT)
  for (let i = 0; i < 8; i++) view.setInt32(offset + 8 + i * 4, key[i] as number)
}
