import type { Batch } from '../packet/batch.ts'
import type { Packet } from '../packet/packet.ts'
import type { Lifecycle } from './lifecycle.ts'

/**
 * Takes a batch of packets and has dealt with all of it when `serve` returns. No promise: whoever must wait keeps a
 * bounded copy and injects it later. It must not throw; an {@link Edge} that sees one throw counts it as a drop.
 */
export interface Service<P extends Packet> {
  serve(batch: Batch<P>): void
}

/** Wraps the service further in and returns one that stands further out (Tower's and Rama's `Layer`, unchanged). */
export interface Layer<Outer extends Packet, Inner extends Packet = Outer> extends Lifecycle {
  layer(inner: Service<Inner>): Service<Outer>
}

/** One {@link Layer} for each way, sharing one state: `up` from the wire to the host, `down` from the host to the wire. */
export interface DuplexLayer<Low extends Packet, High extends Packet = Low> extends Lifecycle {
  readonly up: Layer<Low, High>
  readonly down: Layer<High, Low>
}

/**
 * Where packets enter and leave. `connect` is given the service into which the endpoint pushes what comes in, and
 * returns the service that sends what goes out. Nothing may be pushed before `start`.
 */
export interface Endpoint<P extends Packet> extends Lifecycle {
  connect(stack: Service<P>): Service<P>
}

/** What may stand on one line of a stack: a duplex layer, or a plain layer that then serves both ways. */
export type Line<Low extends Packet, High extends Packet = Low> = DuplexLayer<Low, High> | Layer<Low>
