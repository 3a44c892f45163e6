import type { Layer } from '../contract/index.ts'
import type { Batch } from '../packet/batch.ts'
import type { Direction, Packet } from '../packet/packet.ts'

/** What every lifted layer may be given. */
export interface LiftOptions {
  /** Its name in counters and logs. */
  readonly name?: string
}

/** Looks at each packet and lets it pass. */
export function tap<P extends Packet>(
  look: (packet: P, direction: Direction) => void,
  { name = 'tap' }: LiftOptions = {},
): Layer<P> {
  return liftBatch(name, (batch) => {
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      look(packet, packet.direction)
    }
  })
}

export interface FilterOptions extends LiftOptions {
  /** Under which name a refused packet is counted. Default `filtered`. */
  readonly reason?: string
}

/** Lets the packets pass for which `accept` returns true, and drops the others. */
export function filter<P extends Packet>(
  accept: (packet: P, direction: Direction) => boolean,
  { name = 'filter', reason = 'filtered' }: FilterOptions = {},
): Layer<P> {
  const judge = (packet: P): string | undefined => (accept(packet, packet.direction) ? undefined : reason)
  return liftBatch(name, (batch) => batch.sift(judge))
}

/** Replaces each packet by what `change` returns: the same one changed in place, as a rule. */
export function map<P extends Packet>(
  change: (packet: P, direction: Direction) => P,
  { name = 'map' }: LiftOptions = {},
): Layer<P> {
  const replace = (packet: P): P => change(packet, packet.direction)
  return liftBatch(name, (batch) => batch.replace(replace))
}

/** Lifts a function over batches to a layer: it runs, then what is left in the batch goes on. */
export function liftBatch<P extends Packet>(name: string, work: (batch: Batch<P>) => void): Layer<P> {
  return {
    name,
    layer: (inner) => ({
      serve(batch) {
        work(batch)
        if (batch.length > 0) inner.serve(batch)
      },
    }),
  }
}
