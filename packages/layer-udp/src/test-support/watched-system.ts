import { bind, type Runtime, runtimeWith } from '@millrace/core'
import { SYSTEM_CALLS, type SystemCalls } from '@millrace/native'
import { nativeSystem } from '@millrace/native/testing'

/** What a struct mmsghdr says that is to be sent. */
export interface Outgoing {
  readonly size: number
  /** Of a UDP_SEGMENT control message; 0 without one. */
  readonly segment: number
  readonly hasSource: boolean
}

interface Pinned {
  readonly address: number
  readonly bytes: Uint8Array
}

const MMSGHDR = 64
const SOL_UDP = 17
const UDP_SEGMENT = 103
const PKTINFO = [8, 50]

/** The system of this machine, with a look at what is sent, and a say in it. */
export class WatchedSystem {
  /** The messages of each call of sendmmsg. */
  readonly calls: Outgoing[][] = []
  /** Sends at most so many of the messages, or fails with a negated errno. */
  judge: (messages: readonly Outgoing[]) => number = (messages) => messages.length
  readonly #buffers: Pinned[] = []
  readonly #calls: Partial<SystemCalls>

  constructor(calls: Partial<SystemCalls> = {}) {
    this.#calls = calls
  }

  get runtime(): Runtime {
    const system = nativeSystem()
    const watched: SystemCalls = {
      ...system,
      addressOf: (bytes) => {
        const address = system.addressOf(bytes)
        this.#buffers.push({ address, bytes })
        return address
      },
      sendmmsg: (fd, address, count, flags) => {
        const messages = Array.from({ length: count }, (_, i) => this.#outgoing(address + i * MMSGHDR))
        this.calls.push(messages)
        const verdict = this.judge(messages)
        return verdict <= 0 ? verdict : system.sendmmsg(fd, address, Math.min(verdict, count), flags)
      },
      ...this.#calls,
    }
    return runtimeWith(bind(SYSTEM_CALLS, watched))
  }

  /** The bytes at `address`, on from there. */
  view(address: number): DataView {
    const { bytes, address: base } = this.#buffers.find(
      (buffer) => address >= buffer.address && address < buffer.address + buffer.bytes.length,
    ) as Pinned
    return new DataView(bytes.buffer, bytes.byteOffset + address - base)
  }

  #outgoing(address: number): Outgoing {
    const header = this.view(address)
    const [vectors, controls] = [Number(header.getBigUint64(16, true)), Number(header.getBigUint64(32, true))]
    let size = 0
    for (let i = 0; i < header.getUint32(24, true); i++) size += this.view(vectors + i * 16).getUint32(8, true)
    let [segment, hasSource] = [0, false]
    for (let at = 0; at < header.getUint32(40, true); ) {
      const control = this.view(controls + at)
      const [level, type] = [control.getInt32(8, true), control.getInt32(12, true)]
      if (level === SOL_UDP && type === UDP_SEGMENT) segment = control.getUint16(16, true)
      else if (PKTINFO.includes(type)) hasSource = true
      at += (control.getUint32(0, true) + 7) & ~7
    }
    return { size, segment, hasSource }
  }
}
