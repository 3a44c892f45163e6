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

const DIFFERENCE = 20
/** Codes of ICMPv6 among those of ICMP, for none of them to be taken for another. */
const OWN = 0x80
/** What the NAT for IPv4 says itself, as RFC 4443 §3.1 has it: port unreachable, administratively prohibited. */
const CODES: ReadonlyMap<number, number> = new Map([
  [3, 4],
  [13, 1],
])

/** ICMPv6 errors on their way through a NAT for IPv4 and back: no table of RFC 7915 comes between, so nothing is lost. */
export class ThereAndBack implements IcmpCodec {
  toIpv4(head: IcmpHead): boolean {
    const { type, code, value } = head
    if (type === V6_UNREACHABLE) return code < OWN && head.set(V4_UNREACHABLE, OWN | code)
    if (type === V6_TOO_BIG) return head.set(V4_UNREACHABLE, V4_TOO_BIG, Math.max(value - DIFFERENCE, 0))
    if (type === V6_TIME_EXCEEDED) return head.set(V4_TIME_EXCEEDED, code)
    // The pointer of ICMP has one byte. What it points at may have been left out as well.
    return type === V6_PARAMETER_PROBLEM && value < 256 && head.set(V4_PARAMETER_PROBLEM, code, value)
  }

  toIpv6(head: IcmpHead): boolean {
    const { type, code, value } = head
    if (type === V4_TIME_EXCEEDED) return head.set(V6_TIME_EXCEEDED, code)
    if (type === V4_PARAMETER_PROBLEM) return head.set(V6_PARAMETER_PROBLEM, code, value)
    if (type !== V4_UNREACHABLE) return false
    if (code === V4_TOO_BIG) return head.set(V6_TOO_BIG, 0, value + DIFFERENCE)
    const code6 = (code & OWN) !== 0 ? code & ~OWN : CODES.get(code)
    return code6 !== undefined && head.set(V6_UNREACHABLE, code6)
  }
}
