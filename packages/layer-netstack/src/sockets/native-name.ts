import { AF_INET, AF_INET6, NAME_SIZE, NAME_SIZE_IPV4 } from '@millrace/native'

// struct sockaddr_in and sockaddr_in6 as words in the order of memory, little endian: family and port, then the address,
// or flow label and address.

/** Writes a socket address of 4 or 16 bytes and a port into `words` from `at` on. The scope is left as it is: 0. */
export function writeName(words: Int32Array, at: number, address: Uint8Array, port: number): void {
  const turned = ((port & 0xff) << 24) | ((port >>> 8) << 16)
  if (address.length === 4) {
    words[at] = AF_INET | turned
    words[at + 1] = word(address, 0)
    return
  }
  words[at] = AF_INET6 | turned
  words[at + 1] = 0
  for (let i = 0; i < 4; i++) words[at + 2 + i] = word(address, i * 4)
}

/** Bytes that the name of such a socket takes. */
export function nameSize(family: 4 | 6): number {
  return family === 4 ? NAME_SIZE_IPV4 : NAME_SIZE
}

function word(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
}
