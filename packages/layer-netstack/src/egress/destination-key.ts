/**
 * An address (4 or 16 bytes) and port as a key for maps: a short string of UTF-16 units that are no text. Whoever holds a
 * port for a destination keeps the key, to give the port back under it.
 */
export function destinationKey(address: Uint8Array, port: number): string {
  let key = String.fromCharCode(port)
  for (let i = 0; i + 1 < address.length; i += 2) {
    key += String.fromCharCode(((address[i] as number) << 8) | (address[i + 1] as number))
  }
  return key
}
