import type { DuplexLayer, Endpoint, Service } from '../contract/index.ts'
import { Batch } from '../packet/batch.ts'
import type { Packet } from '../packet/packet.ts'
import type { LiftOptions } from './lift.ts'

/**
 * Sends the packets from the wire that match to another end, and merges what comes from there into the way down. The
 * end may be any endpoint, a chain with an end included:
 *
 *     .layer(fork(destinationIn('10.0.0.0/8'), layers<IpPacket>().layer(log()).end(tun({ name: 'office0' }))))
 */
export function fork<P extends Packet>(
  match: (packet: P) => boolean,
  branch: Endpoint<P>,
  { name = 'fork' }: LiftOptions = {},
): DuplexLayer<P> {
  let branchSink: Service<P> | undefined
  return {
    name,
    up: {
      layer: (inner) => {
        const here = new Batch<P>()
        const there = new Batch<P>()
        return {
          serve(batch) {
            for (let i = 0; i < batch.length; i++) {
              const packet = batch.at(i)
              const side = match(packet) ? there : here
              side.push(packet)
            }
            try {
              branchSink?.serve(there)
              if (here.length > 0) inner.serve(here)
            } finally {
              here.clear()
              there.clear()
            }
          },
        }
      },
    },
    down: {
      layer: (inner) => {
        branchSink = branch.connect(inner)
        return inner
      },
    },
    start: (context) => branch.start?.(context),
    stop: () => branch.stop?.(),
    edges: () => branch.edges?.() ?? [],
  }
}
