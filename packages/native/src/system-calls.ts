import type { EventLoop } from './event-loop.ts'

/**
 * The system calls Millrace needs, as the kernel has them: a result below 0 is the negated errno (`-Errno.EAGAIN`), and
 * nothing throws. Memory is given as a number, `addressOf(buffer)` plus an offset, because a number costs a fraction of
 * what a Buffer costs to pass: whoever calls answers for the bounds.
 */
export interface SystemCalls {
  /** Where the bytes of `buffer` lie. Good for as long as the caller keeps `buffer`; ask once, not per packet. */
  addressOf(buffer: Uint8Array): number
  /** open(2), without a mode: it creates no files. */
  open(path: string, flags: number): number
  close(fd: number): number
  read(fd: number, address: number, size: number): number
  write(fd: number, address: number, size: number): number
  /** readv(2) into the `count` struct iovec of 16 bytes at `vector`. */
  readv(fd: number, vector: number, count: number): number
  /** writev(2) of the same. */
  writev(fd: number, vector: number, count: number): number
  /** ioctl(2) with a pointer to its argument. */
  ioctl(fd: number, request: number, address: number): number
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: number, size: number): number
  connect(fd: number, address: number, size: number): number
  setsockopt(fd: number, level: number, option: number, address: number, size: number): number
  /** getsockopt(2); `size` is where a u32 lies, the room at `address` before and the length of the value after. */
  getsockopt(fd: number, level: number, option: number, address: number, size: number): number
  shutdown(fd: number, how: number): number
  /** sendto(2). `to` 0 and `toSize` 0 send to whom the socket is connected, or to the kernel for netlink. */
  sendto(fd: number, address: number, size: number, flags: number, to: number, toSize: number): number
  recv(fd: number, address: number, size: number, flags: number): number
  /** sendmmsg(2) of the `count` struct mmsghdr at `messages`. How many were sent; why the next one was not, the next call says. */
  sendmmsg(fd: number, messages: number, count: number, flags: number): number
  /** recvmmsg(2) into the `count` struct mmsghdr at `messages`, without a timeout; lengths and flags in them are changed by it. */
  recvmmsg(fd: number, messages: number, count: number, flags: number): number
  /** getsockname(2); `size` is where a u32 lies, the room at `address` before and the length of the name after. */
  getsockname(fd: number, address: number, size: number): number
  /** setns(2): puts this thread, and no other, into the namespace that `fd` stands for. */
  setns(fd: number, type: number): number
  eventfd(initial: number, flags: number): number
  /** epoll_create1(2). */
  epollCreate(flags: number): number
  /** epoll_ctl(2) with a struct epoll_event at `event`. */
  epollControl(epoll: number, operation: number, fd: number, event: number): number
  /** epoll_wait(2) into `count` struct epoll_event at `events`; milliseconds. Blocks this thread. */
  epollWait(epoll: number, events: number, count: number, timeout: number): number
  /** poll(2) over `count` pollfd of 8 bytes; milliseconds. Blocks this thread. */
  poll(address: number, count: number, timeout: number): number
  /**
   * poll(2) on a thread of libuv's pool, which it holds until it returns; `done` is called on this thread. The process
   * does not end before it has returned, not even by `process.exit`: always give a timeout.
   */
  pollAsync(address: number, count: number, timeout: number, done: (result: number) => void): void
  /** The loop of this thread, where it takes descriptors that are not Node's. */
  readonly eventLoop?: EventLoop | undefined
}
