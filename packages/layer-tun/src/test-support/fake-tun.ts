import { Errno, POLLIN, type SystemCalls } from '@millrace/native'
import type { TunHandle } from '../handle.ts'

const SPACE = 0x1_0000_0000
/** struct iovec, bytes. */
const VECTOR = 16
const TUNSETOFFLOAD = 0x400454d0
const TUNGETIFF = 0x800454d2
const TUNSETVNETHDRSZ = 0x400454d8

/** A TUN device in memory, behind the system calls that read, write and wait for it. Addresses lie above 32 bits, as real ones do. */
export class FakeTun {
  readonly handle: Pick<TunHandle, 'fd' | 'hasHeader'>
  /** What is read next, header included. */
  readonly incoming: Uint8Array[] = []
  /** What was written, header included. */
  readonly written: Uint8Array[] = []
  /** The argument of each TUNSETOFFLOAD. */
  readonly offloads: number[] = []
  /** The argument of each TUNSETVNETHDRSZ. */
  readonly headerSizes: number[] = []
  /** What a write returns instead of success. */
  refuse: (bytes: Uint8Array) => number = () => 0
  /** What TUNSETOFFLOAD returns. */
  refuseOffload: (flags: number) => number = () => 0
  readonly #buffers: Uint8Array[] = []
  #woken = false

  constructor(hasHeader = true) {
    this.handle = { fd: 5, hasHeader }
  }

  setOffload(flags: number): number {
    this.offloads.push(flags)
    return this.refuseOffload(flags)
  }

  readonly system: SystemCalls = {
    ...({} as SystemCalls),
    addressOf: (buffer) => this.#buffers.push(buffer) * SPACE,
    ioctl: (_fd, request, address) => this.#ioctl(request, address),
    eventfd: () => 6,
    close: () => 0,
    read: (_fd, address, size) => this.#read([[address, size]]),
    readv: (_fd, vector, count) => {
      const bytes = this.#at(vector, count * VECTOR)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const parts = Array.from({ length: count }, (_, i): [number, number] => [
        Number(view.getBigUint64(i * VECTOR, true)),
        Number(view.getBigUint64(i * VECTOR + 8, true)),
      ])
      return this.#read(parts)
    },
    write: (fd, address, size) => {
      if (fd === 6) this.#woken = true
      if (fd !== 5) return size
      const bytes = this.#at(address, size).slice()
      const refused = this.refuse(bytes)
      if (refused < 0) return refused
      this.written.push(bytes)
      return size
    },
    pollAsync: (address, count, _timeout, done) => {
      const pollfds = this.#at(address, count * 8)
      const turn = (): void => {
        if (this.incoming.length === 0 && !this.#woken) {
          setImmediate(turn)
          return
        }
        pollfds[8 + 6] = this.incoming.length > 0 ? POLLIN : 0
        done(1)
      }
      setImmediate(turn)
    },
  }

  #ioctl(request: number, address: number): number {
    if (request === TUNSETOFFLOAD) return this.setOffload(address)
    if (request === TUNSETVNETHDRSZ) this.headerSizes.push(this.#at(address, 4)[0] as number)
    // The name, and IFF_TUN, IFF_NO_PI, IFF_VNET_HDR.
    if (request === TUNGETIFF) {
      const request = this.#at(address, 40)
      request.set(Buffer.from('fake0'))
      request.set([0x01, this.handle.hasHeader ? 0x50 : 0x10], 16)
    }
    return 0
  }

  #at(address: number, size: number): Uint8Array {
    const start = address % SPACE
    const buffer = this.#buffers[Math.floor(address / SPACE) - 1]
    if (buffer === undefined || start + size > buffer.length) throw new Error(`no memory at ${address}, ${size} bytes`)
    return buffer.subarray(start, start + size)
  }

  #read(parts: readonly [number, number][]): number {
    const bytes = this.incoming.shift()
    if (bytes === undefined) return -Errno.EAGAIN
    let done = 0
    for (const [address, size] of parts) {
      const part = bytes.subarray(done, done + size)
      if (size > 0) this.#at(address, size).set(part)
      done += part.length
    }
    return done
  }
}
