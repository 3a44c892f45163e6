/**
 * From where an ArrayBuffer of some size begins to the next line of the processor's cache: the C library puts 16 bytes of
 * its own before a block. Where that is not so rows only lie across lines, which is slower.
 */
const TO_NEXT_LINE = 48

/** A table of which each entry is one row of memory, so that all that is needed of it is fetched at once. Never grows. */
export class Rows {
  readonly capacity: number
  /** Words of a row. */
  readonly stride: number
  /** 32 bits each; those of `entry` begin at `entry * stride`. */
  readonly words: Int32Array
  /** The same memory, two words each. */
  readonly doubles: Float64Array

  /** `stride` is even, and a divisor or multiple of 16: the words of a line. */
  constructor(capacity: number, stride: number) {
    const buffer = new ArrayBuffer(TO_NEXT_LINE + capacity * stride * 4)
    this.capacity = capacity
    this.stride = stride
    this.words = new Int32Array(buffer, TO_NEXT_LINE)
    this.doubles = new Float64Array(buffer, TO_NEXT_LINE)
  }
}
