import type { Clock } from '@millrace/core'
import type { HostPort } from '@millrace/layer-wireguard'
import { Connections } from './connections.ts'
import { dialFor } from './dial.ts'
import type { Connection, Listener, Network } from './network.ts'
import { relay, reset } from './relay.ts'

/** One port that stands for one elsewhere. */
export interface Forwarding {
  readonly from: Network
  readonly listen: HostPort
  readonly into: Network
  readonly to: HostPort
  readonly clock: Clock
}

const MOST_CONNECTIONS = 1024

/** Connections to one end go on to the other; one that finds nobody there is reset. */
export async function forwardTcp({ from, listen, into: network, to, clock }: Forwarding): Promise<Listener> {
  const connections = new Connections(MOST_CONNECTIONS)
  const accept = async (connection: Connection): Promise<void> => {
    if (!connections.add(connection)) return
    try {
      relay(connection, await dialFor(connection, to, { network, clock }))
    } catch {
      reset(connection)
    }
  }
  const listener = await from.listen(listen, (connection) => void accept(connection))
  return {
    local: listener.local,
    close() {
      const closed = listener.close()
      connections.closeAll()
      return closed
    },
  }
}
