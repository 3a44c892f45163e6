/** Why a connection is no more. `finished`: both ends have sent all they had to say. */
export type CloseCause = 'finished' | 'reset' | 'aborted' | 'timeout' | 'refused' | 'unreachable'

/** What the owner of a TCP is told, by {@link Tcp.dispatch}. A handle is good from the first of these to `closed`. */
export interface TcpListener {
  /** A SYN came in: to be answered by `accept` or `reject`, at once or later; see `endpoints` for who wants to go where. */
  incoming(handle: number): void
  /** Both ends know of the connection. It could be written to before. */
  established(handle: number): void
  /** There is more to read, or the end of the stream has come (`ended`). */
  readable(handle: number): void
  /** `write` takes something again after it took less than it was given. */
  writable(handle: number): void
  /** It is over, and the handle means nothing any more. `finished` comes after everything has been read. */
  closed(handle: number, cause: CloseCause): void
}

/** `refused`: RST. `unreachable` and `prohibited`: an ICMP error. `timeout`: silence. */
export type Rejection = 'refused' | 'unreachable' | 'prohibited' | 'timeout'
