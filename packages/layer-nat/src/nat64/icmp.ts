import {
  type IcmpCodec,
  type IcmpHead,
  V4_PARAMETER_PROBLEM,
  V4_TIME_EXCEEDED,
  V4_TOO_BIG,
  V4_UNREACHABLE,
  V6_PARAMETER_PROBLEM,
  V6_TIME_EXCEEDED,
  V6_TOO_BIG,
  V6_UNREACHABLE,
} from '../siit/icmp-codec.ts'

const NONE = -1
/** IPv6 unreachable codes as IPv4 ones (RFC 7915 §5.2): no route, prohibited, beyond scope, address, port. */
const UNREACHABLE_4 = [1, 10, 1, 1, 3]
/** IPv4 unreachable codes as IPv6 ones (RFC 7915 §4.2); 2 and 4 have types of their own, 14 is not translated. */
const UNREACHABLE_6 = [0, 0, NONE, 4, NONE, 0, 0, 0, 0, 1, 1, 0, 0, 1, NONE, 1]
/** Where a field of the IPv6 header stands in the IPv4 header: RFC 7915 figure 6, up to the addresses. */
const POINTERS_4 = [0, 1, NONE, NONE, 2, 2, 9, 8]
/** Where a field of the IPv4 header stands in the IPv6 header: RFC 7915 figure 3, up to the addresses. */
const POINTERS_6 = [0, 1, 4, 4, NONE, NONE, NONE, NONE, 7, 6, NONE, NONE]
const NEXT_HEADER = 6
const MINIMUM_MTU_4 = 68
const MINIMUM_MTU_6 = 1280
const HEADER_DIFFERENCE = 20
/** Link sizes to try where a router states none (RFC 1191 §7.1), those that IPv6 can have. */
const PLATEAUS = [32_000, 17_914, 8166, 4352, 2002, 1492]

/** ICMP errors as RFC 7915 §4.2 and §5.2 translate them. */
export class Rfc7915 implements IcmpCodec {
  readonly #mtu: number

  /** `mtu` of the link on the IPv6 side. */
  constructor(mtu: number) {
    this.#mtu = mtu
  }

  toIpv4(head: IcmpHead): boolean {
    const { type, code, value } = head
    if (type === V6_UNREACHABLE) {
      const code4 = UNREACHABLE_4[code]
      return code4 !== undefined && head.set(V4_UNREACHABLE, code4)
    }
    if (type === V6_TOO_BIG) {
      const mtu = Math.min(value, this.#mtu) - HEADER_DIFFERENCE
      return head.set(V4_UNREACHABLE, V4_TOO_BIG, Math.max(mtu, MINIMUM_MTU_4))
    }
    if (type === V6_TIME_EXCEEDED) return head.set(V4_TIME_EXCEEDED, code)
    if (type !== V6_PARAMETER_PROBLEM) return false
    // "Unrecognized next header" is "protocol unreachable".
    if (code === 1) return head.set(V4_UNREACHABLE, 2)
    if (code !== 0) return false
    const pointer = value < 8 ? POINTERS_4[value] : value < 24 ? 12 : value < 40 ? 16 : NONE
    return pointer !== undefined && pointer >= 0 && head.set(V4_PARAMETER_PROBLEM, 0, pointer)
  }

  toIpv6(head: IcmpHead, quotedLength: number): boolean {
    const { type, code, value } = head
    if (type === V4_TIME_EXCEEDED) return head.set(V6_TIME_EXCEEDED, code)
    if (type === V4_PARAMETER_PROBLEM) {
      if (code !== 0 && code !== 2) return false
      const pointer = value < 12 ? POINTERS_6[value] : value < 16 ? 8 : value < 20 ? 24 : NONE
      return pointer !== undefined && pointer >= 0 && head.set(V6_PARAMETER_PROBLEM, 0, pointer)
    }
    if (type !== V4_UNREACHABLE) return false
    if (code === 2) return head.set(V6_PARAMETER_PROBLEM, 1, NEXT_HEADER)
    if (code === V4_TOO_BIG) {
      const mtu = value === 0 ? plateauBelow(quotedLength) : value
      return head.set(V6_TOO_BIG, 0, Math.max(Math.min(mtu + HEADER_DIFFERENCE, this.#mtu), MINIMUM_MTU_6))
    }
    const code6 = UNREACHABLE_6[code]
    return code6 !== undefined && code6 >= 0 && head.set(V6_UNREACHABLE, code6)
  }
}

function plateauBelow(length: number): number {
  return PLATEAUS.find((plateau) => plateau < length) ?? MINIMUM_MTU_6 - HEADER_DIFFERENCE
}
