import { parseAddress } from '@millrace/core'

/** How often another random port is tried when the one that IPv4 got is taken on IPv6. */
const PORT_TRIES = 100

/** A socket bound to one family. */
export interface BoundSocket {
  readonly port: number
  close(): void | Promise<void>
}

/** Bound sockets, one per family, on the same port. */
export interface SocketPair<S extends BoundSocket> {
  readonly port: number
  readonly ipv4: S | undefined
  readonly ipv6: S | undefined
}

/** Binds a socket, or fails with an error that has the system's `code`. */
export type Bind<S extends BoundSocket> = (family: 4 | 6, port: number, address?: string) => S | Promise<S>

/** Binds to one address, or to all addresses of every family that the system has. */
export async function bindPair<S extends BoundSocket>(
  bind: Bind<S>,
  port: number,
  address?: string,
): Promise<SocketPair<S>> {
  if (address !== undefined) {
    const { family } = parseAddress(address, 'udp address')
    const socket = await bind(family, port, address)
    const [ipv4, ipv6] = family === 4 ? [socket, undefined] : [undefined, socket]
    return { port: socket.port, ipv4, ipv6 }
  }
  for (let attempt = 1; ; attempt++) {
    const ipv4 = await bind(4, port)
    try {
      return { port: ipv4.port, ipv4, ipv6: await bind(6, ipv4.port) }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') return { port: ipv4.port, ipv4, ipv6: undefined }
      await ipv4.close()
      if (code !== 'EADDRINUSE' || port !== 0 || attempt === PORT_TRIES) throw error
    }
  }
}

export async function closePair({ ipv4, ipv6 }: SocketPair<BoundSocket>): Promise<void> {
  await Promise.all([ipv4?.close(), ipv6?.close()])
}
