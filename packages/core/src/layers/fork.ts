import type { DuplexLayer, Endpoint, Service } from '../contract/index.ts'
import { Batch } from '../packet/batch.ts'
import type { Packet } from '../packet/packet.ts'
import { Spare } from '../packet/spare.ts'
import { layers } from '../stack/chain.ts'
import type { LiftOptions } from './lift.ts'

/**
 * Sends the packets from the wire that match to another end, and merges what comes from there into the way down. The
 * end may be any endpoint, a chain with an end included:
 *
 *     .layer(fork(destinationIn('10.0.0.0/8'), layers<IpPacket>().layer(log()).end(tun({ name: 'office0' }))))
 */
export function fork<P extends Packet>(
  match: (packet: P) => boolean,
  end: Endpoint<P>,
  { name = 'fork' }: LiftOptions = {},
): DuplexLayer<P> {
  const branch = layers<P>().end(end)
  const spare = new Spare(() => ({ here: new Batch<P>(), there: new Batch<P>() }))
  let branchSink: Service<P> | undefined
  return {
    name,
    up: {
      layer: (inner) => ({
        serve(batch) {
          const sides = spare.take()
          const { here, there } = sides
          try {
            for (let i = 0; i < batch.length; i++) {
              const packet = batch.at(i)
              const side = match(packet) ? there : here
              side.push(packet)
            }
            if (there.length > 0) branchSink?.serve(there)
            if (here.length > 0) inner.serve(here)
          } finally {
            here.clear()
            there.clear()
            spare.giveBack(sides)
          }
        },
      }),
    },
    down: {
      layer: (inner) => {
        branchSink = branch.connectAbove(name, inner)
        return inner
      },
    },
    events: branch.events,
    start: (context) => branch.start(context),
    stop: () => branch.stop(),
    edges: () => branch.edges(),
    drops: () => branch.drops(),
  }
}
