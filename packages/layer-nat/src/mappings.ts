import { FreeList } from './free-list.ts'
import type { PortSet } from './ports.ts'
import { TupleIndex } from './tuple-index.ts'

/**
 * Endpoint-independent mappings (RFC 4787 REQ-1): an inside address and port stands outside under one port, whomever it
 * talks to, as long as any of its sessions lives.
 */
export class Mappings {
  readonly #index: TupleIndex
  readonly #free: FreeList
  readonly #outsidePort: Uint16Array
  readonly #sessions: Uint32Array

  constructor(capacity: number, key0: number, key1: number) {
    this.#index = new TupleIndex(capacity, key0, key1)
    this.#free = new FreeList(capacity)
    this.#outsidePort = new Uint16Array(capacity)
    this.#sessions = new Uint32Array(capacity)
  }

  /** The mapping of an inside endpoint for one session more, made with a port of `ports` if there is none; -1 without a port. */
  hold(protocol: number, address: number, port: number, ports: PortSet, now: number): number {
    let mapping = this.#index.find(protocol, address, port, 0, 0)
    if (mapping < 0) {
      const outsidePort = ports.take(now)
      if (outsidePort < 0) return -1
      // A mapping has at least one session, so there is room for it whenever there is for the session.
      mapping = this.#free.take()
      this.#outsidePort[mapping] = outsidePort
      this.#sessions[mapping] = 0
      this.#index.insert(mapping, protocol, address, port, 0, 0)
    }
    this.#sessions[mapping] = (this.#sessions[mapping] as number) + 1
    return mapping
  }

  /** One session less; the last one gives the port back. */
  release(mapping: number, ports: PortSet, now: number): void {
    const sessions = (this.#sessions[mapping] as number) - 1
    this.#sessions[mapping] = sessions
    if (sessions > 0) return
    ports.release(this.#outsidePort[mapping] as number, now)
    this.#index.remove(mapping)
    this.#free.release(mapping)
  }

  outsidePort(mapping: number): number {
    return this.#outsidePort[mapping] as number
  }
}
