import { createSocket } from 'node:dgram'
import { EnvironmentError } from '@millrace/core'
import type { EgressAddress } from './egress-options.ts'

/**
 * Checks that sockets can be bound to each of the addresses. Rejects with an EnvironmentError that names the first that
 * cannot: to go out from another one would be worse than not at all.
 */
export async function probeEgressAddresses(addresses: readonly EgressAddress[]): Promise<void> {
  for (const address of addresses) await probe(address)
}

function probe({ address, family }: EgressAddress): Promise<void> {
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 })
  return new Promise((resolve, reject) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      reject(new EnvironmentError(explain(address, error.code)))
    })
    socket.bind({ address, port: 0, exclusive: true }, () => socket.close(resolve))
  })
}

function explain(address: string, code: string | undefined): string {
  const begin = `cannot send from the egress address ${address}`
  if (code !== 'EADDRNOTAVAIL') return `${begin} (${code})`
  return `${begin}: no interface of this machine has it; add it to one (ip address add), or name another`
}
