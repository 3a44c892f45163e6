import { canonical, joined } from './nat-differential-canonical.ts'
import { type Flow, ICMP, OutsidePorts } from './nat-differential-flow.ts'
import type { Emitted, NatUnderTest } from './nat-differential-kernel.ts'
import type { Step } from './nat-differential-script.ts'
import { OUTSIDE } from './nat-world.ts'

/** Puts a NAT through a script. What came of each step, in words that are the same for any choice of ports, or `dropped`. */
export function play(nat: NatUnderTest, steps: readonly Step[]): readonly string[] {
  const ports = new OutsidePorts()
  return steps.map(({ shot }) => {
    const out = shot.packets(ports.of).flatMap((bytes) => nat.put(shot.direction, bytes))
    const up = only(out, 'up')
    if (shot.direction === 'up') for (const bytes of up) learn(ports, shot.flow, bytes)
    const line = (direction: string) => (bytes: Uint8Array) => `${direction} ${canonical(bytes, ports)}`
    const lines = [...up.map(line('up')), ...only(out, 'down').map(line('down'))]
    return lines.length === 0 ? 'dropped' : lines.join(' + ')
  })
}

function only(out: readonly Emitted[], direction: 'up' | 'down'): readonly Uint8Array[] {
  return joined(out.filter((emitted) => emitted.direction === direction).map(({ bytes }) => bytes))
}

/** The outside port of a packet that has been translated: it stands where the inside one stood. */
function learn(ports: OutsidePorts, flow: Flow, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const header = ((bytes[0] as number) & 15) * 4
  const own = header + (flow.protocol === ICMP ? 4 : 0)
  const isOurs = bytes.subarray(12, 16).join('.') === OUTSIDE && bytes[9] === flow.protocol
  if (!isOurs || (view.getUint16(6) & 0x1fff) !== 0 || bytes.length < own + 2) return
  if (flow.protocol === ICMP && bytes[header] !== 8) return
  ports.learn(flow, view.getUint16(own))
}
