import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, isIPv6 } from 'node:net'
import type { HostPort } from '@millrace/layer-wireguard'
import type { Network } from './network.ts'

/** When a connection that nothing comes through is asked whether it is there, milliseconds. */
const KEEPALIVE = 60_000
/** Datagrams of one port that may wait in this process. */
const MOST_WAITING = 256

/** What ordinary sockets reach: this machine's own network. */
export const localNetwork: Network = {
  async connect({ host, port }, signal) {
    const socket = createConnection({
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE,
    })
    // Between here and whoever uses it, nobody listens.
    socket.on('error', () => {})
    const giveUp = (): void => void socket.destroy(signal.reason)
    signal.addEventListener('abort', giveUp)
    try {
      signal.throwIfAborted()
      await once(socket, 'connect')
    } finally {
      signal.removeEventListener('abort', giveUp)
      if (signal.aborted) socket.destroy()
    }
    return socket
  },

  async lookup(host) {
    const [first, ...others] = (await lookup(host, { all: true })).map(({ address }) => address)
    // A look-up that finds nothing rejects.
    return [first as string, ...others]
  },

  async listen({ host, port }, accept) {
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE }
    const server = createServer(options, accept)
    server.listen({ host, port, ipv6Only: true })
    await once(server, 'listening')
    // From here on it is about one connection that could not be accepted.
    server.on('error', () => {})
    return {
      local: localEnd(server.address() as AddressInfo),
      close: () => new Promise((resolve) => void server.close(() => resolve())),
    }
  },

  async bind({ host, port }, receive) {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', ipv6Only: isIPv6(host) })
    socket.on('message', (bytes, from) => receive(bytes, { host: from.address, port: from.port }))
    try {
      socket.bind({ address: host, port })
      await once(socket, 'listening')
    } catch (error) {
      socket.close()
      throw error
    }
    // From here on it can only be about a datagram, and nobody is told of those.
    socket.on('error', () => {})
    return {
      local: localEnd(socket.address()),
      send(bytes, to) {
        if (socket.getSendQueueCount() < MOST_WAITING) socket.send(bytes, to.port, to.host, () => {})
      },
      close: () => new Promise((resolve) => void socket.close(resolve)),
    }
  },
}

function localEnd({ address, port }: AddressInfo): HostPort {
  return { host: address, port }
}
