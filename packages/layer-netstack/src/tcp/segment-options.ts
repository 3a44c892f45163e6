const END = 0
const NOP = 1
const MSS = 2
const WINDOW_SCALE = 3
const SACK_PERMITTED = 4
const SACK = 5
const TIMESTAMPS = 8

const MAXIMUM_BLOCKS = 4
/** RFC 7323 §2.3. */
const MAXIMUM_SHIFT = 14

/** The options of a segment. What is malformed ends the reading; what is unknown is passed over (RFC 9293 §3.1). */
export class SegmentOptions {
  /** 0 where it is absent. */
  mss = 0
  /** -1 where it is absent. */
  windowShift = -1
  sackPermitted = false
  hasTimestamp = false
  timestamp = 0
  echo = 0
  /** SACK blocks, as start and end. */
  readonly blocks: Int32Array = new Int32Array(MAXIMUM_BLOCKS * 2)
  blockCount = 0

  /** Reads `view[at, end)`. */
  read(view: DataView, at: number, end: number): void {
    this.mss = 0
    this.windowShift = -1
    this.sackPermitted = false
    this.hasTimestamp = false
    this.blockCount = 0
    for (let i = at; i < end; ) {
      const kind = view.getUint8(i)
      if (kind === END) return
      if (kind === NOP) {
        i++
        continue
      }
      if (i + 1 >= end) return
      const length = view.getUint8(i + 1)
      if (length < 2 || i + length > end) return
      this.#readOne(view, i, kind, length)
      i += length
    }
  }

  #readOne(view: DataView, at: number, kind: number, length: number): void {
    if (kind === TIMESTAMPS && length === 10) {
      this.hasTimestamp = true
      this.timestamp = view.getInt32(at + 2)
      this.echo = view.getInt32(at + 6)
    } else if (kind === SACK && length >= 10 && length % 8 === 2) {
      this.blockCount = Math.min((length - 2) / 8, MAXIMUM_BLOCKS)
      for (let i = 0; i < this.blockCount * 2; i++) this.blocks[i] = view.getInt32(at + 2 + i * 4)
    } else if (kind === MSS && length === 4) this.mss = view.getUint16(at + 2)
    else if (kind === WINDOW_SCALE && length === 3) {
      this.windowShift = Math.min(view.getUint8(at + 2), MAXIMUM_SHIFT)
    } else if (kind === SACK_PERMITTED && length === 2) this.sackPermitted = true
  }
}
