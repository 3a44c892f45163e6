import { hashTuple } from './half-sip-hash.ts'

/**
 * Finds entries 0 to `capacity` - 1 by a tuple: local address and port, remote address and port, protocol. The key
 * columns live here; whatever else belongs to an entry lives in arrays of its owner. Open addressing with linear probing,
 * at most half full, no tombstones: a look-up costs the same however long the table has been in use. Never grows.
 */
export class TupleIndex {
  readonly local: Uint32Array
  readonly remote: Uint32Array
  readonly localPort: Uint16Array
  readonly remotePort: Uint16Array
  readonly protocol: Uint8Array
  readonly #hash: Uint32Array
  /** Entry + 1 by place; 0 is a free one. */
  readonly #places: Int32Array
  readonly #mask: number
  readonly #key0: number
  readonly #key1: number

  /** `key0` and `key1` are 32 random bits each, and secret. */
  constructor(capacity: number, key0: number, key1: number) {
    this.local = new Uint32Array(capacity)
    this.remote = new Uint32Array(capacity)
    this.localPort = new Uint16Array(capacity)
    this.remotePort = new Uint16Array(capacity)
    this.protocol = new Uint8Array(capacity)
    this.#hash = new Uint32Array(capacity)
    const places = 2 ** Math.ceil(Math.log2(capacity * 2))
    this.#places = new Int32Array(places)
    this.#mask = places - 1
    this.#key0 = key0
    this.#key1 = key1
  }

  /** The entry with this tuple, or -1. */
  find(protocol: number, local: number, localPort: number, remote: number, remotePort: number): number {
    const places = this.#places
    let place = this.#hashOf(protocol, local, localPort, remote, remotePort) & this.#mask
    for (;;) {
      const entry = (places[place] as number) - 1
      if (entry < 0) return -1
      if (
        this.local[entry] === local &&
        this.remote[entry] === remote &&
        this.localPort[entry] === localPort &&
        this.remotePort[entry] === remotePort &&
        this.protocol[entry] === protocol
      ) {
        return entry
      }
      place = (place + 1) & this.#mask
    }
  }

  /** Adds `entry`, which must not be in the index, under a tuple that no other entry has. */
  insert(entry: number, protocol: number, local: number, localPort: number, remote: number, remotePort: number): void {
    this.local[entry] = local
    this.remote[entry] = remote
    this.localPort[entry] = localPort
    this.remotePort[entry] = remotePort
    this.protocol[entry] = protocol
    const hash = this.#hashOf(protocol, local, localPort, remote, remotePort)
    this.#hash[entry] = hash
    let place = hash & this.#mask
    while (this.#places[place] !== 0) place = (place + 1) & this.#mask
    this.#places[place] = entry + 1
  }

  /** Takes `entry`, which must be in the index, out of it. */
  remove(entry: number): void {
    const places = this.#places
    const mask = this.#mask
    let free = (this.#hash[entry] as number) & mask
    while (places[free] !== entry + 1) free = (free + 1) & mask
    // Later entries of the same run move up, unless that would put them before the place where their search begins.
    for (let place = (free + 1) & mask; places[place] !== 0; place = (place + 1) & mask) {
      const home = (this.#hash[(places[place] as number) - 1] as number) & mask
      if (((place - home) & mask) < ((place - free) & mask)) continue
      places[free] = places[place] as number
      free = place
    }
    places[free] = 0
  }

  #hashOf(protocol: number, local: number, localPort: number, remote: number, remotePort: number): number {
    return hashTuple(this.#key0, this.#key1, local, remote, (localPort << 16) | remotePort, protocol)
  }
}
