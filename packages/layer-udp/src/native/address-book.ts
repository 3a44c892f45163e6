import type { LocalAddress, SocketAddress } from '@millrace/core'
import { NAME_WORDS } from '@millrace/native'
import {
  decodeLocal,
  decodeName,
  encodeLocal,
  encodeName,
  type Interfaces,
  isSame,
  LOCAL_WORDS,
  NativeAddress,
  NativeLocal,
} from './addresses.ts'

/** Whom a datagram came from, and where it came in. */
export interface Origin {
  readonly remote: NativeAddress
  readonly local: NativeLocal
}

/** Origins kept: so many peers talk at once without anything being made anew for them. */
const ROWS = 1024
const WAYS = 4

/**
 * Gives the same address objects for the same bytes, so that nothing is allocated for a peer that is known. A bounded
 * table, not a promise: rows of four by a hash of the bytes, and in a full row one gives way, round robin. Whoever keeps
 * addresses has them for good, and compares them with `equals`.
 *
 * A remote address and the local one it is spoken to from are one entry: whether a local address is still the right source
 * depends on who is to be reached from it.
 */
export class AddressBook {
  /** How often the host's routes or addresses have changed. What was found out before may not hold any more. */
  generation = 0
  readonly #interfaces: Interfaces
  readonly #origins: (Origin | undefined)[] = new Array(ROWS * WAYS).fill(undefined)
  /** The hash of each: nearly all that a flood from everywhere is compared with, and far less memory to touch. */
  readonly #hashes = new Int32Array(ROWS * WAYS)
  #last: Origin | undefined
  #lastLocal: NativeLocal | undefined
  readonly #next = new Uint8Array(ROWS)
  /** Objects that are not of our making: configured endpoints, and those of other wires. */
  readonly #remotes = new WeakMap<SocketAddress, NativeAddress>()
  readonly #locals = new WeakMap<LocalAddress, NativeLocal>()

  constructor(interfaces: Interfaces) {
    this.#interfaces = interfaces
  }

  origin(name: Int32Array, local: Int32Array): Origin {
    const last = this.#last
    // Datagrams of one sender come one behind the other.
    if (last?.local.usable && matches(last, name, local)) return last
    this.#last = this.#find(name, local)
    return this.#last
  }

  #find(name: Int32Array, local: Int32Array): Origin {
    const hashed = hash(name, local)
    const row = hashed & (ROWS - 1)
    const first = row * WAYS
    for (let i = first; i < first + WAYS; i++) {
      if (this.#hashes[i] !== hashed) continue
      const origin = this.#origins[i]
      if (origin === undefined || !matches(origin, name, local)) continue
      if (origin.local.usable || origin.local.checked === this.generation) return origin
      // The host has changed since the address was refused: it gets another chance, as another object.
      const renewed = { remote: origin.remote, local: decodeLocal(origin.remote.family, local) }
      this.#origins[i] = renewed
      return renewed
    }
    const way = this.#next[row] as number
    this.#next[row] = (way + 1) % WAYS
    const remote = decodeName(name, this.#interfaces)
    this.#lastLocal = decodeLocal(remote.family, local, this.#lastLocal)
    const origin = { remote, local: this.#lastLocal }
    this.#origins[first + way] = origin
    this.#hashes[first + way] = hashed
    return origin
  }

  /** Undefined if the text in it is no address. */
  remote(remote: SocketAddress): NativeAddress | undefined {
    return remote instanceof NativeAddress ? remote : this.#foreign(this.#remotes, remote, encodeName)
  }

  local(local: LocalAddress): NativeLocal | undefined {
    return local instanceof NativeLocal ? local : this.#foreign(this.#locals, local, encodeLocal)
  }

  #foreign<From extends object, To>(
    known: WeakMap<From, To>,
    from: From,
    encode: (from: From, interfaces: Interfaces) => To,
  ): To | undefined {
    let to = known.get(from)
    if (to !== undefined) return to
    try {
      to = encode(from, this.#interfaces)
    } catch {
      return undefined
    }
    known.set(from, to)
    return to
  }
}

function matches({ remote, local: near }: Origin, name: Int32Array, local: Int32Array): boolean {
  return isSame(remote.words, name, NAME_WORDS) && isSame(near.words, local, LOCAL_WORDS)
}

/** Spreads what differs between peers. Whoever makes addresses collide only costs himself the table. */
function hash(name: Int32Array, local: Int32Array): number {
  let value = 0
  for (let i = 0; i < NAME_WORDS; i++) value = Math.imul(value ^ (name[i] as number), 0x9e3779b1) ^ (value >>> 15)
  for (let i = 0; i < LOCAL_WORDS; i++) value = Math.imul(value ^ (local[i] as number), 0x9e3779b1) ^ (value >>> 15)
  return value ^ (value >>> 16)
}
