import type { Packet } from '@millrace/core'

/** Words of a key: local address (4), remote address (4), local port in the high half and remote port in the low (1). */
export const KEY_WORDS = 9
/** What IPv4 addresses have in front as keys (RFC 4291 §2.5.5.2), so that both families share one table. */
const MAPPED = 0xffff

/** Reads the key of an incoming packet whose transport has ports: what it is sent to is local. */
export function readKey(key: Int32Array, packet: Packet & { version: 4 | 6; transport: number }): void {
  readAddresses(key, packet)
  const { view, transport } = packet
  key[8] = (view.getUint16(transport + 2) << 16) | view.getUint16(transport)
}

/** The same without the ports. */
export function readAddresses(key: Int32Array, { view, offset, version }: Packet & { version: 4 | 6 }): void {
  if (version === 4) {
    writeMapped(key, 0, view.getInt32(offset + 16))
    writeMapped(key, 4, view.getInt32(offset + 12))
    return
  }
  for (let i = 0; i < 4; i++) {
    key[i] = view.getInt32(offset + 24 + i * 4)
    key[4 + i] = view.getInt32(offset + 8 + i * 4)
  }
}

/** An address of 4 or 16 bytes, as four words of a key. */
export function writeAddress(key: Int32Array, at: number, address: Uint8Array): void {
  if (address.length === 4) writeMapped(key, at, word(address, 0))
  else for (let i = 0; i < 4; i++) key[at + i] = word(address, i * 4)
}

function word(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16)
  return high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
}

/** The bytes of an address of a key: 4 or 16 of them. */
export function addressOf(key: Int32Array, at: number, version: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(version === 4 ? 4 : 16)
  writeAddressBytes(bytes, key, at)
  return bytes
}

/** The same into `bytes`, whose length says which family it is. */
export function writeAddressBytes(bytes: Uint8Array, key: Int32Array, at: number): void {
  if (bytes.length === 4) writeWord(bytes, 0, key[at + 3] as number)
  else for (let i = 0; i < 4; i++) writeWord(bytes, i * 4, key[at + i] as number)
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

export function writeMapped(key: Int32Array, at: number, address: number): void {
  key[at] = 0
  key[at + 1] = 0
  key[at + 2] = MAPPED
  key[at + 3] = address
}

/** The key of the same pair as the other end has it. */
export function turned(key: Int32Array): Int32Array {
  const other = new Int32Array(KEY_WORDS)
  other.set(key.subarray(4, 8), 0)
  other.set(key.subarray(0, 4), 4)
  const ports = key[8] as number
  other[8] = (ports << 16) | (ports >>> 16)
  return other
}
