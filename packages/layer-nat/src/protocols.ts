/** IANA protocol numbers. */
export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const DCCP = 33
export const UDP_LITE = 136
