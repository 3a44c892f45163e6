/** The options of a segment that came out; SACK blocks as the numbers they are. */
export interface FoundOptions {
  readonly windowShift: number | undefined
  readonly sackPermitted: boolean
  readonly timestamp: number | undefined
  readonly echo: number | undefined
  readonly blocks: readonly (readonly [number, number])[]
}

/** Reads what stands in `view[at, end)`, which is well-formed. */
export function readOptions(view: DataView, at: number, end: number): FoundOptions {
  let [windowShift, timestamp, echo] = [] as (number | undefined)[]
  let sackPermitted = false
  const blocks: [number, number][] = []
  for (let i = at; i < end && view.getUint8(i) !== 0; ) {
    const kind = view.getUint8(i)
    if (kind === 1) {
      i++
      continue
    }
    const length = view.getUint8(i + 1)
    if (kind === 3) windowShift = view.getUint8(i + 2)
    if (kind === 4) sackPermitted = true
    if (kind === 8) {
      timestamp = view.getUint32(i + 2)
      echo = view.getUint32(i + 6)
    }
    if (kind === 5) for (let b = i + 2; b < i + length; b += 8) blocks.push([view.getUint32(b), view.getUint32(b + 4)])
    i += length
  }
  return { windowShift, sackPermitted, timestamp, echo, blocks }
}

/** The bytes of a SACK option, numbers counted from the ISN of the TCP under test. */
export function sackOption(iss: number, ...blocks: readonly (readonly [number, number])[]): number[] {
  return [5, 2 + blocks.length * 8, ...blocks.flatMap(([start, end]) => [...word(iss + start), ...word(iss + end)])]
}

export function word(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}
