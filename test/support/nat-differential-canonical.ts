import { slowChecksum } from '@millrace/core/testing'
import { ICMP, type OutsidePorts, TCP, UDP } from './nat-differential-flow.ts'
import { OUTSIDE } from './nat-world.ts'

const CHECKSUM_AT: Readonly<Record<number, number>> = { [ICMP]: 2, [TCP]: 16, [UDP]: 6 }
const MORE = 0x2000

/**
 * A packet as text that does not tell which outside ports and identifications a NAT has chosen: those ports are replaced
 * by the inside ones, identifications by 0, and checksums by how far they are off.
 */
export function canonical(packet: Uint8Array, ports: OutsidePorts): string {
  const bytes = packet.slice()
  const notes: string[] = []
  replace(bytes, ports, notes, '')
  return `${summary(bytes)}${notes.map((note) => ` (${note})`).join('')} ${Buffer.from(bytes).toString('hex')}`
}

/** Puts together what are fragments of one datagram; the rest stays as it is, in order. */
export function joined(packets: readonly Uint8Array[]): readonly Uint8Array[] {
  const whole: Uint8Array[] = []
  const parts = new Map<string, Uint8Array[]>()
  for (const bytes of packets) {
    if ((viewOf(bytes).getUint16(6) & 0x3fff) === 0) {
      whole.push(bytes)
      continue
    }
    const key = Buffer.from([...bytes.subarray(4, 6), ...bytes.subarray(9, 10), ...bytes.subarray(12, 20)]).toString(
      'hex',
    )
    const datagram = parts.get(key) ?? []
    parts.set(key, [...datagram, bytes])
  }
  return [...whole, ...[...parts.values()].flatMap(join)]
}

function join(fragments: readonly Uint8Array[]): readonly Uint8Array[] {
  const at = (bytes: Uint8Array): number => (viewOf(bytes).getUint16(6) & 0x1fff) * 8
  const sorted = [...fragments].sort((a, b) => at(a) - at(b))
  const [first] = sorted as [Uint8Array]
  let payload: number[] = []
  for (const bytes of sorted) {
    if (at(bytes) !== payload.length) return fragments
    payload = [...payload, ...bytes.subarray(20)]
  }
  if ((viewOf(sorted[sorted.length - 1] as Uint8Array).getUint16(6) & MORE) !== 0) return fragments
  const bytes = Uint8Array.from([...first.subarray(0, 20), ...payload])
  const view = viewOf(bytes)
  view.setUint16(2, bytes.length)
  view.setUint16(6, view.getUint16(6) & ~0x3fff)
  view.setUint16(10, 0)
  view.setUint16(10, slowChecksum(bytes.subarray(0, 20)))
  return [bytes]
}

/** `quoted` is `''` for the packet itself. What is cut short keeps its transport checksum, brought in step. */
function replace(bytes: Uint8Array, ports: OutsidePorts, notes: string[], quoted: string): void {
  const view = viewOf(bytes)
  const header = ((bytes[0] as number) & 15) * 4
  if (slowChecksum(bytes.subarray(0, header)) !== 0) notes.push(`${quoted}header checksum`)
  view.setUint16(4, 0)
  view.setUint16(10, 0)
  const fragment = view.getUint16(6) & 0x3fff
  if ((fragment & 0x1fff) !== 0) return
  const protocol = bytes[9] as number
  const body = bytes.subarray(header)
  const field = CHECKSUM_AT[protocol]
  if (field === undefined || body.length < 8) return
  const error = protocol === ICMP && [3, 4, 5, 11, 12].includes(body[0] as number)
  const whole = fragment === 0 && view.getUint16(2) === bytes.length && body.length >= field + 2
  if (whole) {
    const off = residue(bytes, body, protocol)
    if (off !== 0) notes.push(`${quoted}checksum off by ${off}`)
  }
  const change = error ? 0 : replacePort(bytes, body, protocol, ports)
  if (whole) viewOf(body).setUint16(field, 0)
  else if (body.length >= field + 2) shift(viewOf(body), field, change)
  if (error && body.length >= 28) replace(body.subarray(8), ports, notes, 'quoted ')
}

/** Returns by how much the sum of the words has changed. */
function replacePort(bytes: Uint8Array, body: Uint8Array, protocol: number, ports: OutsidePorts): number {
  const [source, destination] = [addressAt(bytes, 12), addressAt(bytes, 16)]
  if (source !== OUTSIDE && destination !== OUTSIDE) return 0
  const view = viewOf(body)
  const [own, other] = protocol === ICMP ? [4, undefined] : source === OUTSIDE ? [0, 2] : [2, 0]
  const port = view.getUint16(own)
  const remotePort = other === undefined ? 0 : view.getUint16(other)
  const owner = ports.owner(protocol, port, source === OUTSIDE ? destination : source, remotePort)
  if (owner === undefined) return 0
  view.setUint16(own, owner.port)
  return owner.port - port
}

/** How far the checksum is off: 0 if it is right, or if there is none. */
function residue(bytes: Uint8Array, body: Uint8Array, protocol: number): number {
  if (protocol === UDP && viewOf(body).getUint16(6) === 0) return 0
  if (protocol === ICMP) return slowChecksum(body)
  const length = [body.length >> 8, body.length & 0xff]
  return slowChecksum(Uint8Array.from([...bytes.subarray(12, 20), 0, protocol, ...length]), body)
}

/** RFC 1624 in plain arithmetic; 0 and 0xffff are the same number. */
function shift(view: DataView, field: number, change: number): void {
  const before = view.getUint16(field)
  view.setUint16(field, (((before - change) % 0xffff) + 0xffff) % 0xffff)
}

function summary(bytes: Uint8Array): string {
  const header = ((bytes[0] as number) & 15) * 4
  const protocol = bytes[9] as number
  const first = bytes.subarray(header)
  const name = { [ICMP]: `ICMP ${first[0]}/${first[1]}`, [TCP]: `TCP ${flagsOf(first[13])}`, [UDP]: 'UDP' }[protocol]
  const part = (viewOf(bytes).getUint16(6) & 0x3fff) === 0 ? '' : ' fragment'
  return `${name ?? protocol}${part} ${addressAt(bytes, 12)} > ${addressAt(bytes, 16)}`
}

function flagsOf(flags = 0): string {
  return ['F', 'S', 'R', 'P', 'A', 'U'].filter((_, bit) => flags & (1 << bit)).join('')
}

function addressAt(bytes: Uint8Array, at: number): string {
  return bytes.subarray(at, at + 4).join('.')
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
