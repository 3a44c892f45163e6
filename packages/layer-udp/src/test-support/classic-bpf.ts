/** A datagram as a filter of a UDP socket sees it. */
export interface FilteredDatagram {
  /** From the IP header on. */
  readonly network: Uint8Array
  /** From the UDP header on. */
  readonly udp: Uint8Array
}

const NETWORK = -0x10_0000
const RANDOM = -0x1000 + 56

/** Runs a program of classic BPF (linux/filter.h), as far as ours use it: how many bytes of the datagram it lets in. */
export function runFilter(program: Uint8Array, { network, udp }: FilteredDatagram, random: number): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength)
  const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let accumulator = 0
  for (let at = 0; ; at++) {
    const [code, ifTrue, ifFalse] = [view.getUint16(at * 8, true), view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)]
    const [value, place] = [view.getUint32(at * 8 + 4, true), view.getInt32(at * 8 + 4, true)]
    if (code === 0x30) accumulator = udp[place] as number
    else if (code === 0x20 && place === RANDOM) accumulator = random
    else if (code === 0x20 && place < 0) accumulator = viewOf(network).getUint32(place - NETWORK)
    else if (code === 0x54) accumulator = (accumulator & value) >>> 0
    else if (code === 0x15) at += accumulator === value ? ifTrue : ifFalse
    else if (code === 0x35) at += accumulator >= value ? ifTrue : ifFalse
    else if (code === 0x06) return value
    else throw new Error(`no such instruction: ${code.toString(16)} ${value.toString(16)}`)
  }
}
