/** IANA protocol numbers. */
export const ICMP = 1
export const TCP = 6
export const UDP = 17
