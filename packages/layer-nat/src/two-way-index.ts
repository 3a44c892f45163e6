import { KeyIndex } from '@millrace/core'
import type { Rows } from './rows.ts'

// The first words of a row. Both keys are four words that stand together: the remote end is the end of one and the
// beginning of the other.
const INSIDE_ADDRESS = 0
const INSIDE_PORT = 1
const REMOTE_ADDRESS = 2
/** The protocol, and below it 16 bits of port. */
const REMOTE_PORT = 3
const OUTSIDE_ADDRESS = 4
const OUTSIDE_PORT = 5
/** Words that the index needs of each row. */
export const INDEXED_WORDS = 6
const KEY_WORDS = 4

/**
 * Finds rows by what is seen on either side of the NAT: the inside end and the remote end, or the outside end and the
 * remote end. Addresses go in as 32-bit numbers, signed or not, and come out signed: what is below 2^31 needs no memory of
 * its own.
 */
export class TwoWayIndex {
  readonly #words: Int32Array
  readonly #stride: number
  readonly #inside: KeyIndex
  readonly #outside: KeyIndex
  readonly #key: Int32Array = new Int32Array(KEY_WORDS)

  /** `key` gives 32 secret bits a call. */
  constructor({ capacity, words, stride }: Rows, key: () => number) {
    this.#words = words
    this.#stride = stride
    this.#inside = new KeyIndex(capacity, KEY_WORDS, key(), key(), { words, start: INSIDE_ADDRESS, stride })
    this.#outside = new KeyIndex(capacity, KEY_WORDS, key(), key(), { words, start: REMOTE_ADDRESS, stride })
  }

  /** The row with this inside end, or -1. */
  findInside(protocol: number, address: number, port: number, remote: number, remotePort: number): number {
    this.#setInside(protocol, address, port, remote, remotePort)
    return this.#inside.find(this.#key)
  }

  /** The row with this outside end, or -1. */
  findOutside(protocol: number, address: number, port: number, remote: number, remotePort: number): number {
    this.#setOutside(protocol, address, port, remote, remotePort)
    return this.#outside.find(this.#key)
  }

  /** What `findInside` will be asked for soon; `fetch` when all of a batch are known. */
  expectInside(protocol: number, address: number, port: number, remote: number, remotePort: number): void {
    this.#setInside(protocol, address, port, remote, remotePort)
    this.#inside.expect(this.#key)
  }

  /** What `findOutside` will be asked for soon. */
  expectOutside(protocol: number, address: number, port: number, remote: number, remotePort: number): void {
    this.#setOutside(protocol, address, port, remote, remotePort)
    this.#outside.expect(this.#key)
  }

  /** Reads ahead, all at once, what is expected. */
  fetch(): void {
    this.#inside.fetch()
    this.#outside.fetch()
  }

  /** Adds a row that is not in the index, and whose ends no other has. */
  insert(
    row: number,
    protocol: number,
    address: number,
    port: number,
    outsideAddress: number,
    outsidePort: number,
    remote: number,
    remotePort: number,
  ): void {
    this.#setInside(protocol, address, port, remote, remotePort)
    this.#inside.insert(row, this.#key)
    this.#setOutside(protocol, outsideAddress, outsidePort, remote, remotePort)
    this.#outside.insert(row, this.#key)
  }

  /** Takes out a row that is in the index. Its ends may be read until it is inserted anew. */
  remove(row: number): void {
    this.#inside.remove(row)
    this.#outside.remove(row)
  }

  protocol(row: number): number {
    return this.#word(row, REMOTE_PORT) >>> 16
  }

  insideAddress(row: number): number {
    return this.#word(row, INSIDE_ADDRESS)
  }

  insidePort(row: number): number {
    return this.#word(row, INSIDE_PORT)
  }

  outsideAddress(row: number): number {
    return this.#word(row, OUTSIDE_ADDRESS)
  }

  outsidePort(row: number): number {
    return this.#word(row, OUTSIDE_PORT)
  }

  remote(row: number): number {
    return this.#word(row, REMOTE_ADDRESS)
  }

  remotePort(row: number): number {
    return this.#word(row, REMOTE_PORT) & 0xffff
  }

  #word(row: number, which: number): number {
    return this.#words[row * this.#stride + which] as number
  }

  #setInside(protocol: number, address: number, port: number, remote: number, remotePort: number): void {
    const key = this.#key
    key[0] = address
    key[1] = port
    key[2] = remote
    key[3] = (protocol << 16) | remotePort
  }

  #setOutside(protocol: number, address: number, port: number, remote: number, remotePort: number): void {
    const key = this.#key
    key[0] = remote
    key[1] = (protocol << 16) | remotePort
    key[2] = address
    key[3] = port
  }
}
