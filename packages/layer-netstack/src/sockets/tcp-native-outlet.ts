import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  Errno,
  errnoName,
  SHUT_WR,
  type SystemCalls,
} from '@millrace/native'
import type { NativeDialler } from './tcp-native-dialler.ts'
import { type NativeStream, NO_ROOM } from './tcp-native-stream.ts'
import type { TcpOutlet, TcpOutletOwner } from './tcp-outlet.ts'

/** What a native outlet belongs to. */
export interface NativeTcpOutletParts {
  readonly system: SystemCalls
  readonly dialler: NativeDialler
  readonly stream: NativeStream
  /** It can be read from and something came of it earlier, or there is room again. */
  readonly ready: (outlet: NativeTcpOutlet) => void
  readonly closed: (outlet: NativeTcpOutlet) => void
}

const FAILED = EPOLLERR | EPOLLHUP
/** A read that brings less than it could has brought all there is, but for these: an end or an error comes after it. */
const MORE = EPOLLRDHUP | EPOLLPRI | FAILED
const READABLE = EPOLLIN | EPOLLRDHUP | FAILED

/**
 * An outlet by system calls: a descriptor, and whether it can be read and written. That is told when it changes
 * (EPOLLET), so what it was is kept here.
 */
export class NativeTcpOutlet implements TcpOutlet {
  /** Nothing waits outside of the TCP. */
  readonly held = 0
  readonly owner: TcpOutletOwner
  /** Its name in the set of descriptors, where the number of a descriptor that is closed may be another's already. */
  readonly number: number
  /** In the queue of those that are ready. */
  next: NativeTcpOutlet | undefined
  isQueued = false
  readonly #parts: NativeTcpOutletParts
  /** -1 once it is closed. */
  #fd: number
  #isOpen = false
  #canRead = false
  #canWrite = false
  /** Whether there is something behind what a short read brings. */
  #readsOn = false
  /** Events since they were dealt with last. */
  #events = 0
  /** The server's end of the stream has come, the client's has gone out. */
  #hasServerEnded = false
  #hasEnded = false

  constructor(parts: NativeTcpOutletParts, owner: TcpOutletOwner, fd: number, number: number) {
    this.#parts = parts
    this.owner = owner
    this.#fd = fd
    this.number = number
  }

  get fd(): number {
    return this.#fd
  }

  get isBlocked(): boolean {
    return this.#canRead || (this.#isOpen && !this.#canWrite)
  }

  notice(events: number): void {
    this.#events |= events
  }

  /** Does what can be done, a bounded piece of it. Returns the bytes received, and stays ready if there may be more. */
  work(): number {
    const events = this.#events
    this.#events = 0
    if (this.#fd < 0) return 0
    if (!this.#isOpen && !this.#open(events)) return 0
    if (this.#hasServerEnded) this.#checkFailure(events)
    else {
      if ((events & READABLE) !== 0) this.#canRead = true
      if ((events & MORE) !== 0) this.#readsOn = true
    }
    const received = this.#receive()
    if ((events & EPOLLOUT) !== 0 && this.#fd >= 0) {
      this.#canWrite = true
      this.readable()
    }
    return received
  }

  readable(): void {
    const { stream } = this.#parts
    const { tcp } = stream
    const { owner } = this
    while (this.#canWrite && this.#fd >= 0) {
      const sent = stream.send(this.#fd, owner.handle)
      if (sent > 0) {
        owner.sent += sent
        if (!stream.isFull(sent)) this.#canWrite = false
      } else if (sent === -Errno.EAGAIN) this.#canWrite = false
      else if (sent < 0 && sent !== -Errno.EINTR) this.#close(true)
      else if (sent === 0) break
    }
    if (this.#fd < 0) return
    if (tcp.readableBytes(owner.handle) > 0) {
      owner.stalled()
      if (tcp.isOver(owner.handle)) owner.lingers()
    } else if (tcp.ended(owner.handle)) this.#end()
  }

  writable(): void {
    if (this.#canRead) this.#parts.ready(this)
  }

  finish(): void {
    // All that the client has sent, the system has: it sees to the rest.
    this.#close(false)
  }

  reset(): void {
    if (this.#fd < 0) return
    const fd = this.#forget()
    this.#parts.dialler.reset(fd)
    this.owner.closed(false)
  }

  cancel(): void {
    if (this.#fd >= 0) this.#parts.system.close(this.#forget())
  }

  /** Whether the server has answered. */
  #open(events: number): boolean {
    const { dialler, system } = this.#parts
    const error = (events & FAILED) === 0 ? 0 : dialler.errorOf(this.#fd)
    if (error !== 0) {
      system.close(this.#forget())
      this.owner.failed({ code: errnoName(error), isAddress: false })
      return false
    }
    if ((events & EPOLLOUT) === 0) return false
    dialler.keepAlive(this.#fd)
    this.#isOpen = true
    this.#canWrite = true
    this.owner.connected()
    return true
  }

  /** Behind the end of the stream the system tells of a RST in no other way. */
  #checkFailure(events: number): void {
    if ((events & FAILED) !== 0 && this.#parts.dialler.errorOf(this.#fd) !== 0) this.#close(true)
  }

  #receive(): number {
    const { owner } = this
    const { stream } = this.#parts
    let all = 0
    while (this.#canRead && this.#fd >= 0) {
      const received = stream.receive(this.#fd, owner.handle)
      if (received > 0) {
        owner.received += received
        all += received
        if (stream.isFull(received)) {
          this.#parts.ready(this)
          return all
        }
        this.#canRead = this.#readsOn
      } else if (received === NO_ROOM) {
        owner.stalled()
        return all
      } else if (received !== -Errno.EINTR) {
        this.#canRead = false
        this.#readsOn = false
        if (received === 0) this.#serverEnded()
        else if (received !== -Errno.EAGAIN) this.#close(true)
      }
    }
    return all
  }

  #serverEnded(): void {
    const { tcp } = this.#parts.stream
    const { handle } = this.owner
    this.#hasServerEnded = true
    tcp.shutdown(handle)
    if (this.#hasEnded) this.#close(false)
    else if (tcp.isOver(handle) && tcp.readableBytes(handle) > 0) this.owner.lingers()
  }

  /** The end of what the client has to say. */
  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    // Closing says so too.
    if (this.#hasServerEnded) this.#close(false)
    else this.#parts.system.shutdown(this.#fd, SHUT_WR)
  }

  #close(isBroken: boolean): void {
    if (this.#fd < 0) return
    this.#parts.system.close(this.#forget())
    this.owner.closed(isBroken)
  }

  #forget(): number {
    const fd = this.#fd
    this.#parts.closed(this)
    this.#fd = -1
    return fd
  }
}
