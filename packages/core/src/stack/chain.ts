import type { Observable } from 'rxjs'
import type { Context, DuplexLayer, Endpoint, Layer, Line, Service } from '../contract/index.ts'
import type { Packet } from '../packet/packet.ts'
import { silentLogger } from '../runtime/logger.ts'
import { type DropStatistics, Edge, type EdgeStatistics, type Gate } from './edge.ts'
import { Scope } from './scope.ts'
import { eventsOf, type StackEvent } from './stack-event.ts'
import { nameOf, type StopLimit, stopAll } from './stop.ts'

// Inside a chain the kinds of the packets are known to the compiler line by line; the list itself holds any of them.
type AnyLine = Line<Packet, Packet>

/**
 * Lines without an end: a part of a stack to be put into others (`stack.layer(chain)`), or, once it has an end, an
 * {@link Endpoint} of its own: a stack inside a stack.
 */
export class Chain<Low extends Packet, High extends Packet> {
  readonly lines: readonly AnyLine[]

  constructor(lines: readonly AnyLine[]) {
    this.lines = lines
  }

  /** Adds a line, further from the wire than all before it. */
  layer<Higher extends Packet = High>(line: Line<High, Higher> | Chain<High, Higher>): Chain<Low, Higher> {
    const more = line instanceof Chain ? line.lines : [line as Line<Packet, Packet>]
    return new Chain([...this.lines, ...more])
  }

  /** Ends the chain at the host: packets from the wire leave here, packets from the host come in here. */
  end(host: Endpoint<High>): Branch<Low> {
    // A chain with an end stands for its lines and that end, so that it starts, stops and counts as if written out.
    if (host instanceof Branch) return new Branch<Low>([...this.lines, ...host.lines], host.host)
    return new Branch<Low>(this.lines, host as unknown as Endpoint<Packet>)
  }
}

/** The empty chain to start one from: `layers<IpPacket>().layer(log())`. */
export function layers<P extends Packet>(): Chain<P, P> {
  return new Chain<P, P>([])
}

/** A chain with an end: itself an endpoint. What `stack().end()` runs, and what `fork` sends packets to. */
export class Branch<P extends Packet> implements Endpoint<P> {
  readonly lines: readonly AnyLine[]
  readonly host: Endpoint<Packet>
  /** Of the two edges through which packets come in from outside. */
  readonly #entry: Gate = { open: false, logger: silentLogger }
  /** Of the others: a layer may still send while it stops. */
  readonly #inside: Gate = { open: true, logger: silentLogger }
  #edges: readonly Edge<Packet>[] = []
  #scope: Scope | undefined
  #started: (AnyLine | Endpoint<Packet>)[] = []

  constructor(lines: readonly AnyLine[], host: Endpoint<Packet>) {
    this.lines = lines
    this.host = host
  }

  get name(): string {
    return nameOf(this.host)
  }

  /** Every line and the host, from the wire up. */
  get parts(): readonly (AnyLine | Endpoint<Packet>)[] {
    return [...this.lines, this.host]
  }

  connect(stack: Service<P>): Service<P> {
    return this.connectAbove('below', stack)
  }

  /** As `connect`, with the name of what stands below for the counters of the lowest edges. */
  connectAbove(below: string, stack: Service<P>): Service<P> {
    const names = [below, ...this.parts.map(nameOf)]
    const top = this.lines.length
    const up: Edge<Packet>[] = []
    const down: Edge<Packet>[] = []
    for (let i = 0; i <= top; i++) {
      const [lower, upper] = [names[i] as string, names[i + 1] as string]
      up.push(new Edge(lower, upper, 'up', i === 0 ? this.#entry : this.#inside))
      down.push(new Edge(upper, lower, 'down', i === top ? this.#entry : this.#inside))
    }
    this.#edges = [...up, ...down]
    const edge = (edges: readonly Edge<Packet>[], i: number): Edge<Packet> => edges[i] as Edge<Packet>
    edge(down, 0).next = stack as Service<Packet>
    edge(up, top).next = this.host.connect(edge(down, top))
    this.lines.forEach((line, i) => {
      edge(down, i + 1).next = layerOf(line, 'down').layer(edge(down, i))
      edge(up, i).next = layerOf(line, 'up').layer(edge(up, i + 1))
    })
    return edge(up, 0) as Service<P>
  }

  /** Of every line and the host, each with its name. */
  get events(): Observable<StackEvent> {
    return eventsOf(this.parts)
  }

  /** Host first, then the lines from the wire up, then the gate opens. What was started is stopped again if one fails. */
  async start(context: Context): Promise<void> {
    this.#entry.logger = context.logger
    this.#inside.logger = context.logger
    this.#scope = new Scope(context)
    try {
      for (const part of [this.host, ...this.lines]) {
        await part.start?.(this.#scope.contextFor(nameOf(part)))
        this.#started.push(part)
      }
      this.#entry.open = true
    } catch (error) {
      await this.stop().catch((err) => context.logger.error({ err }, 'stop after a failed start'))
      throw error
    }
  }

  /** Nothing comes in any more; the lines stop from the host down, while those below can still send; then the host. */
  stop(limit?: StopLimit): Promise<void> {
    this.#entry.open = false
    return stopAll(this.#started.splice(0).reverse(), limit)
  }

  edges(): readonly EdgeStatistics[] {
    const nested = this.parts.flatMap((part) => part.edges?.() ?? [])
    return [...this.#edges.map((edge) => edge.statistics()), ...nested]
  }

  /** Drops that no edge saw. */
  drops(): readonly DropStatistics[] {
    const nested = this.parts.flatMap((part) => part.drops?.() ?? [])
    return [...(this.#scope?.statistics() ?? []), ...nested]
  }
}

function layerOf(line: AnyLine, direction: 'up' | 'down'): Layer<Packet> {
  return isDuplex(line) ? line[direction] : line
}

function isDuplex(line: AnyLine): line is DuplexLayer<Packet, Packet> {
  return 'up' in line
}
