/** Where bytes lie that are one behind the other in a stream: pieces of one memory. */
export class Pieces {
  /** Of each piece, where in the memory it begins, and its bytes. */
  readonly starts: Float64Array
  readonly lengths: Int32Array
  count = 0

  /** Of at most `maximum` pieces. */
  constructor(maximum: number) {
    this.starts = new Float64Array(maximum)
    this.lengths = new Int32Array(maximum)
  }

  get isFull(): boolean {
    return this.count === this.starts.length
  }

  add(start: number, length: number): void {
    this.starts[this.count] = start
    this.lengths[this.count++] = length
  }
}
