import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import { once } from 'node:events'
import { parseAddress } from '@millrace/core'

/** Socket buffers asked for, bytes, as wireguard-go does; the system gives what net.core.rmem_max allows. */
const BUFFER = 7 * 1024 * 1024
/** How often another random port is tried when the one that IPv4 got is taken on IPv6. */
const PORT_TRIES = 100

/** Bound sockets, one per family, on the same port. */
export interface SocketPair {
  readonly port: number
  readonly byFamily: ReadonlyMap<4 | 6, Socket>
  close(): Promise<void>
}

/** Binds to one address, or to all addresses of every family that the system has. */
export async function bindPair(port: number, address?: string): Promise<SocketPair> {
  if (address !== undefined) {
    const { family } = parseAddress(address, 'udp address')
    return pair([[family, await bind(family, port, address)]])
  }
  for (let attempt = 1; ; attempt++) {
    const socket4 = await bind(4, port)
    try {
      return pair([
        [4, socket4],
        [6, await bind(6, socket4.address().port)],
      ])
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') return pair([[4, socket4]])
      await closed(socket4)
      if (code !== 'EADDRINUSE' || port !== 0 || attempt === PORT_TRIES) throw error
    }
  }
}

async function bind(family: 4 | 6, port: number, address?: string): Promise<Socket> {
  const options: SocketOptions = {
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    recvBufferSize: BUFFER,
    sendBufferSize: BUFFER,
    // Addresses come in as numbers. The default would take each through the resolver and a turn of the event loop.
    lookup: (host, _options, callback) => callback(null, host, family),
  }
  const socket = createSocket(options)
  const listening = once(socket, 'listening')
  socket.bind({ port, ...(address === undefined ? {} : { address }) })
  try {
    await listening
  } catch (error) {
    await closed(socket)
    throw error
  }
  return socket
}

function pair(sockets: readonly (readonly [4 | 6, Socket])[]): SocketPair {
  return {
    port: (sockets[0] as readonly [4 | 6, Socket])[1].address().port,
    byFamily: new Map(sockets),
    close: async () => {
      await Promise.all(sockets.map(([, socket]) => closed(socket)))
    },
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()))
}
