import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import type { Tunnel } from '../tunnel/tunnel.ts'
import type { Network } from './network.ts'

/** Of each UDP port, bytes: there may be many. */
const RECEIVE_BUFFER = 262_144

/** What a tunnel leads to. */
export function tunnelNetwork(tunnel: Tunnel): Network {
  return {
    async connect({ host, port }, signal) {
      const socket = tunnel.connect({ host, port, signal, allowHalfOpen: true })
      // Between here and whoever uses it, nobody listens.
      socket.on('error', () => {})
      await once(socket, 'connect')
      return socket
    },

    async lookup(host) {
      const found = await tunnel.resolve(host)
      const [first, ...others] = found.filter(({ address }) => tunnel.reaches(address))
      // A look-up that finds nothing rejects.
      return [(first ?? (found[0] as LookupAddress)).address, ...others.map(({ address }) => address)]
    },

    async listen({ host, port }, accept) {
      const where = isAny(host) ? { port } : { port, address: host }
      const server = tunnel.listen({ ...where, allowHalfOpen: true }, accept)
      return {
        local: { host, port: server.port },
        // The tunnel may have closed it.
        close: () => server[Symbol.asyncDispose](),
      }
    },

    async bind({ host, port }, receive) {
      const socket = tunnel.createSocket({ receiveBuffer: RECEIVE_BUFFER })
      socket.on('message', (bytes, from) => receive(bytes, { host: from.address, port: from.port }))
      socket.bind(isAny(host) ? { port } : { port, address: host })
      await once(socket, 'listening')
      // From here on it can only be about a datagram, and nobody is told of those.
      socket.on('error', () => {})
      return {
        local: { host, port: socket.address().port },
        send: (bytes, to) => socket.send(bytes, to.port, to.host, () => {}),
        close: () => socket[Symbol.asyncDispose](),
      }
    },
  }
}

function isAny(host: string): boolean {
  return host === '::' || host === '0.0.0.0'
}
