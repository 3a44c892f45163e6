import type { Packet } from '@millrace/core'

/** Words of a key: local address (4), remote address (4), local port in the high half and remote port in the low (1). */
export const KEY_WORDS = 9
/** What IPv4 addresses have in front as keys (RFC 4291 §2.5.5.2), so that both families share one table. */
const MAPPED = 0xffff

/** Reads the key of the connection that an incoming TCP packet belongs to: what it is sent to is local. */
export function readKey(key: Int32Array, packet: Packet & { version: 4 | 6; transport: number }): void {
  const { view, offset, transport } = packet
  if (packet.version === 4) {
    writeMapped(key, 0, view.getInt32(offset + 16))
    writeMapped(key, 4, view.getInt32(offset + 12))
  } else {
    for (let i = 0; i < 4; i++) {
      key[i] = view.getInt32(offset + 24 + i * 4)
      key[4 + i] = view.getInt32(offset + 8 + i * 4)
    }
  }
  key[8] = (view.getUint16(transport + 2) << 16) | view.getUint16(transport)
}

/** An address of 4 or 16 bytes, as four words of a key. */
export function writeAddress(key: Int32Array, at: number, address: Uint8Array): void {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength)
  if (address.length === 4) writeMapped(key, at, view.getInt32(0))
  else for (let i = 0; i < 4; i++) key[at + i] = view.getInt32(i * 4)
}

/** The bytes of an address of a key: 4 or 16 of them. */
export function addressOf(key: Int32Array, at: number, version: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(version === 4 ? 4 : 16)
  const view = new DataView(bytes.buffer)
  if (version === 4) view.setInt32(0, key[at + 3] as number)
  else for (let i = 0; i < 4; i++) view.setInt32(i * 4, key[at + i] as number)
  return bytes
}

export function writeMapped(key: Int32Array, at: number, address: number): void {
  key[at] = 0
  key[at + 1] = 0
  key[at + 2] = MAPPED
  key[at + 3] = address
}
