/** IANA protocol numbers. */
export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const DCCP = 33
export const UDP_LITE = 136

/** Whether a protocol's ports are translated; an ICMP echo's identifier is one. */
export function hasPorts(protocol: number): boolean {
  return protocol === TCP || protocol === UDP || protocol === ICMP
}
