import { icmpEcho, ipv4, ipv6, payload, type SeededRandom } from '@millrace/core/testing'

/** An IP protocol for experiments (RFC 3692). */
const EXPERIMENT = 253
export const HOST4 = '10.0.0.1'
export const HOST6 = 'fd00::1'
const ECHO_ID4 = 28
const ECHO_ID6 = 48
/** Packets of an experiment go to 10.128.0.0/10 and fd00::f:0:0/96, which is nobody: the kernel drops them in silence. */
const NOBODY = 128

/** A packet that stands for shot `id` by its destination, so that it is known whatever becomes of the rest of it. */
export function experiment(source: string, id: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  if (source.includes(':')) {
    const destination = `fd00::f:${(id >> 16).toString(16)}:${(id & 0xffff).toString(16)}`
    return ipv6({ source, destination }, payload(EXPERIMENT, data))
  }
  const destination = `10.${NOBODY + (id >> 16)}.${(id >> 8) & 255}.${id & 255}`
  return ipv4({ source, destination }, payload(EXPERIMENT, data))
}

/** An echo request to the host behind the implementation, which its kernel answers. */
export function echo(source: string, id: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  const transport = icmpEcho({ type: 'request', identifier: 1 }, Buffer.concat([numberBytes(id), data]))
  return source.includes(':')
    ? ipv6({ source, destination: HOST6 }, transport)
    : ipv4({ source, destination: HOST4 }, transport)
}

/** The shot that a packet out of the tunnel stands for. */
export function idOfInner(packet: Uint8Array): number | undefined {
  const bytes = Buffer.from(packet)
  if (bytes.length === 0) return undefined
  if (bytes.readUInt8(0) >> 4 === 4) {
    if (bytes.length < 20) return undefined
    if (bytes.readUInt8(16) === 10 && bytes.readUInt8(17) >= NOBODY) return bytes.readUInt32BE(16) & 0x3f_ffff
    return bytes.length >= ECHO_ID4 + 4 && bytes.readUInt8(9) === 1 ? bytes.readUInt32BE(ECHO_ID4) : undefined
  }
  if (bytes.length < 40) return undefined
  if (bytes.readUInt16BE(34) === 0xf) return bytes.readUInt32BE(36)
  return bytes.length >= ECHO_ID6 + 4 && bytes.readUInt8(6) === 58 ? bytes.readUInt32BE(ECHO_ID6) : undefined
}

/** A packet of the host's on its way to a peer: the answer to an echo, or a probe. */
export function fromHost(packet: Uint8Array): { readonly kind: 'echo' | 'probe'; readonly id: number } | undefined {
  const bytes = Buffer.from(packet)
  const [protocol, at] = (bytes[0] as number) >> 4 === 4 ? [bytes[9], 20] : [bytes[6], 40]
  if (bytes.length < at + 12) return undefined
  if (protocol === 17) return { kind: 'probe', id: bytes.readUInt32BE(at + 8) }
  const isReply = (protocol === 1 && bytes[at] === 0) || (protocol === 58 && bytes[at] === 129)
  return isReply ? { kind: 'echo', id: bytes.readUInt32BE(at + 8) } : undefined
}

export function numberBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** An address of a net in the lower half of it. */
export function addressIn(net: number, random: SeededRandom, family: 4 | 6): string {
  if (family === 4) return `10.${net}.${below(random, 128)}.${1 + below(random, 250)}`
  return `fd00:0:0:${net.toString(16)}::${(1 + below(random, 0xfff0)).toString(16)}`
}

export function below(random: SeededRandom, bound: number): number {
  return Math.floor(random.fraction() * bound)
}

export function pick<T>(random: SeededRandom, list: readonly T[]): T {
  return list[below(random, list.length)] as T
}

export function bytesOf(random: SeededRandom, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  random.fill(bytes)
  return bytes
}
