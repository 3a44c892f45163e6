import { KeyIndex } from '@millrace/core'

const WORDS = 4

/**
 * Finds entries 0 to `capacity` - 1 by a tuple: local address and port, remote address and port, protocol. Whatever else
 * belongs to an entry lives in arrays of its owner. A look-up costs the same however long the table has been in use.
 *
 * Addresses go in as 32-bit numbers, signed or not.
 */
export class TupleIndex {
  readonly #index: KeyIndex
  /** Of the tuple that is looked for. */
  readonly #key: Int32Array = new Int32Array(WORDS)

  /** `key0` and `key1` are 32 random bits each, and secret. */
  constructor(capacity: number, key0: number, key1: number) {
    this.#index = new KeyIndex(capacity, WORDS, key0, key1)
  }

  /** The entry with this tuple, or -1. */
  find(protocol: number, local: number, localPort: number, remote: number, remotePort: number): number {
    this.#set(protocol, local, localPort, remote, remotePort)
    return this.#index.find(this.#key)
  }

  /** Adds `entry`, which must not be in the index, under a tuple that no other entry has. */
  insert(entry: number, protocol: number, local: number, localPort: number, remote: number, remotePort: number): void {
    this.#set(protocol, local, localPort, remote, remotePort)
    this.#index.insert(entry, this.#key)
  }

  /** Takes `entry`, which must be in the index, out of it. */
  remove(entry: number): void {
    this.#index.remove(entry)
  }

  #set(protocol: number, local: number, localPort: number, remote: number, remotePort: number): void {
    const key = this.#key
    key[0] = local
    key[1] = remote
    key[2] = (localPort << 16) | remotePort
    key[3] = protocol
  }
}
