/** TCP flags (RFC 9293 §3.1), as bits of the header's 14th byte. */
export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10

/** TCP header without options, bytes. */
export const TCP_HEADER = 20
