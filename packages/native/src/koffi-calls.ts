import type * as Koffi from 'koffi'
import { bindEventLoop } from './event-loop.ts'
import type { SystemCalls } from './system-calls.ts'

/**
 * Binds the C library this process already has. Pointers are declared as `size_t`, so that they pass as plain numbers.
 * open and ioctl are variadic in C; on Linux, x64 and arm64, their integer arguments travel in the same registers
 * either way, and a fixed declaration calls faster.
 */
export function bindSystemCalls(koffi: typeof Koffi): SystemCalls {
  const library = koffi.load(null)
  const bind = <F extends (...args: never[]) => number>(name: string, result: string, parameters: string[]) =>
    library.func(name, result, parameters) as unknown as F & Pick<ReturnType<typeof library.func>, 'async'>

  const open = bind<(path: string, flags: number, mode: number) => number>('open', 'int', ['str', 'int', 'uint'])
  const close = bind<(fd: number) => number>('close', 'int', ['int'])
  const read = bind<Transfer>('read', 'intptr_t', ['int', 'size_t', 'size_t'])
  const write = bind<Transfer>('write', 'intptr_t', ['int', 'size_t', 'size_t'])
  const readv = bind<Transfer>('readv', 'intptr_t', ['int', 'size_t', 'int'])
  const writev = bind<Transfer>('writev', 'intptr_t', ['int', 'size_t', 'int'])
  const ioctl = bind<Transfer>('ioctl', 'int', ['int', 'ulong', 'size_t'])
  const socket = bind<Transfer>('socket', 'int', ['int', 'int', 'int'])
  const bindAddress = bind<Transfer>('bind', 'int', ['int', 'size_t', 'uint'])
  const connect = bind<Transfer>('connect', 'int', ['int', 'size_t', 'uint'])
  const setsockopt = bind<Five>('setsockopt', 'int', ['int', 'int', 'int', 'size_t', 'uint'])
  const getsockopt = bind<Five>('getsockopt', 'int', ['int', 'int', 'int', 'size_t', 'size_t'])
  const shutdown = bind<(fd: number, how: number) => number>('shutdown', 'int', ['int', 'int'])
  const sendto = bind<Six>('sendto', 'intptr_t', ['int', 'size_t', 'size_t', 'int', 'size_t', 'uint'])
  const recv = bind<Four>('recv', 'intptr_t', ['int', 'size_t', 'size_t', 'int'])
  const sendmmsg = bind<Four>('sendmmsg', 'int', ['int', 'size_t', 'uint', 'int'])
  const recvmmsg = bind<Five>('recvmmsg', 'int', ['int', 'size_t', 'uint', 'int', 'size_t'])
  const getsockname = bind<Transfer>('getsockname', 'int', ['int', 'size_t', 'size_t'])
  const setns = bind<(fd: number, type: number) => number>('setns', 'int', ['int', 'int'])
  const eventfd = bind<(initial: number, flags: number) => number>('eventfd', 'int', ['uint', 'int'])
  const epollCreate = bind<(flags: number) => number>('epoll_create1', 'int', ['int'])
  const epollControl = bind<Four>('epoll_ctl', 'int', ['int', 'int', 'int', 'size_t'])
  const epollWait = bind<Four>('epoll_wait', 'int', ['int', 'size_t', 'int', 'int'])
  const poll = bind<Transfer>('poll', 'int', ['size_t', 'ulong', 'int'])

  const checked = (result: number): number => (result < 0 ? -koffi.errno() : result)
  return {
    eventLoop: bindEventLoop(koffi),
    addressOf(buffer) {
      // A small Uint8Array may lie on V8's moving heap; asking for its ArrayBuffer takes it off that heap for good.
      void buffer.buffer
      return Number(koffi.address(buffer))
    },
    open: (path, flags) => checked(open(path, flags, 0)),
    close: (fd) => checked(close(fd)),
    read: (fd, address, size) => checked(read(fd, address, size)),
    write: (fd, address, size) => checked(write(fd, address, size)),
    readv: (fd, vector, count) => checked(readv(fd, vector, count)),
    writev: (fd, vector, count) => checked(writev(fd, vector, count)),
    ioctl: (fd, request, address) => checked(ioctl(fd, request, address)),
    socket: (family, type, protocol) => checked(socket(family, type, protocol)),
    bind: (fd, address, size) => checked(bindAddress(fd, address, size)),
    connect: (fd, address, size) => checked(connect(fd, address, size)),
    setsockopt: (fd, level, option, address, size) => checked(setsockopt(fd, level, option, address, size)),
    getsockopt: (fd, level, option, address, size) => checked(getsockopt(fd, level, option, address, size)),
    shutdown: (fd, how) => checked(shutdown(fd, how)),
    sendto: (fd, address, size, flags, to, toSize) => checked(sendto(fd, address, size, flags, to, toSize)),
    recv: (fd, address, size, flags) => checked(recv(fd, address, size, flags)),
    sendmmsg: (fd, messages, count, flags) => checked(sendmmsg(fd, messages, count, flags)),
    recvmmsg: (fd, messages, count, flags) => checked(recvmmsg(fd, messages, count, flags, 0)),
    getsockname: (fd, address, size) => checked(getsockname(fd, address, size)),
    setns: (fd, type) => checked(setns(fd, type)),
    eventfd: (initial, flags) => checked(eventfd(initial, flags)),
    epollCreate: (flags) => checked(epollCreate(flags)),
    epollControl: (epoll, operation, fd, event) => checked(epollControl(epoll, operation, fd, event)),
    epollWait: (epoll, events, count, timeout) => checked(epollWait(epoll, events, count, timeout)),
    poll: (address, count, timeout) => checked(poll(address, count, timeout)),
    pollAsync(address, count, timeout, done) {
      // Koffi hands the errno of the worker thread's call to this callback.
      poll.async(address, count, timeout, (_error: unknown, result: number) => done(checked(result)))
    },
  }
}

type Transfer = (a: number, b: number, c: number) => number
type Four = (a: number, b: number, c: number, d: number) => number
type Five = (a: number, b: number, c: number, d: number, e: number) => number
type Six = (a: number, b: number, c: number, d: number, e: number, f: number) => number
