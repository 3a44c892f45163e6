/** The head of an ICMP error, to be changed in place: type, code and what the four bytes behind the checksum mean. */
export class IcmpHead {
  type = 0
  code = 0
  /** MTU or pointer; 0 for all others. */
  value = 0

  set(type: number, code: number, value = 0): true {
    this.type = type
    this.code = code
    this.value = value
    return true
  }
}

/** How ICMP errors of one family are said in the other. Each method returns false for what cannot be said. */
export interface IcmpCodec {
  toIpv4(head: IcmpHead): boolean
  /** `quotedLength` is the total length that the quoted IPv4 header states. */
  toIpv6(head: IcmpHead, quotedLength: number): boolean
}

export const V4_UNREACHABLE = 3
export const V4_TOO_BIG = 4
export const V4_TIME_EXCEEDED = 11
export const V4_PARAMETER_PROBLEM = 12
export const V6_UNREACHABLE = 1
export const V6_TOO_BIG = 2
export const V6_TIME_EXCEEDED = 3
export const V6_PARAMETER_PROBLEM = 4
