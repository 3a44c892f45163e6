import { type Prefix, parsePrefix, prefixContains } from '@millrace/core'

/** Most IPv4 addresses that one IPv6 address can be read as. */
export const MAXIMUM_EMBEDDED = 8

/** Where in an address of these prefixes an IPv4 address begins. */
const PLACES: readonly { readonly prefix: Prefix; readonly at: number }[] = (
  [
    // IPv4-compatible, -mapped (RFC 4291 §2.5.5) and -translated (RFC 2765), NAT64 (RFC 6052).
    ['::/96', 12],
    ['::ffff:0:0/96', 12],
    ['::ffff:0:0:0/96', 12],
    ['64:ff9b::/96', 12],
    // 6to4 (RFC 3056), and the server of Teredo (RFC 4380).
    ['2002::/16', 2],
    ['2001::/32', 4],
  ] as const
).map(([text, at]) => ({ prefix: parsePrefix(text), at }))

const TEREDO: Prefix = parsePrefix('2001::/32')
const LOCAL_NAT64: Prefix = parsePrefix('64:ff9b:1::/48')
/** The bytes of the IPv4 address by length of the translator's prefix, which is for its operator to choose (RFC 6052 §2.2). */
const LOCAL_NAT64_FORMS: readonly (readonly number[])[] = [
  [6, 7, 9, 10],
  [7, 9, 10, 11],
  [9, 10, 11, 12],
  [12, 13, 14, 15],
]

/**
 * Writes the IPv4 addresses to which packets for the 16 bytes of `address` may be brought one behind the other into
 * `into` (4 × MAXIMUM_EMBEDDED bytes), and returns how many: mapped, translated and tunnelled forms, ISATAP included.
 */
export function embeddedIpv4(address: Uint8Array, into: Uint8Array): number {
  if (isUnspecifiedOrLoopback(address)) return 0
  let count = 0
  for (const { prefix, at } of PLACES) {
    if (prefixContains(prefix, address, 0)) write(address, at, into, count++)
  }
  if (prefixContains(TEREDO, address, 0)) {
    // The client's address is written inverted.
    for (let i = 0; i < 4; i++) into[count * 4 + i] = ~(address[12 + i] as number)
    count++
  }
  if (prefixContains(LOCAL_NAT64, address, 0)) {
    for (const form of LOCAL_NAT64_FORMS) {
      // One that reads as 0/8 is not the form that was meant.
      if (address[form[0] as number] === 0) continue
      form.forEach((at, i) => {
        into[count * 4 + i] = address[at] as number
      })
      count++
    }
  }
  if (isIsatap(address)) write(address, 12, into, count++)
  return count
}

function write(address: Uint8Array, at: number, into: Uint8Array, place: number): void {
  for (let i = 0; i < 4; i++) into[place * 4 + i] = address[at + i] as number
}

function isUnspecifiedOrLoopback(address: Uint8Array): boolean {
  for (let i = 0; i < 15; i++) if (address[i] !== 0) return false
  return (address[15] as number) <= 1
}

/** RFC 5214 §6.1: ::0:5efe:a.b.c.d or ::200:5efe:a.b.c.d under any prefix. */
function isIsatap(address: Uint8Array): boolean {
  return ((address[8] as number) & 0xfd) === 0 && address[9] === 0 && address[10] === 0x5e && address[11] === 0xfe
}
