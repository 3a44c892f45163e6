/** IANA protocol numbers. */
export const ICMP = 1
export const TCP = 6
export const UDP = 17

/** One conversation of an inside end; of an ICMP echo `port` is the identifier and `remotePort` 0. */
export interface Flow {
  readonly protocol: number
  readonly inside: string
  readonly port: number
  readonly remote: string
  readonly remotePort: number
}

/** What is sent in one step. `outsidePort` of a flow is what the NAT has given it, or its inside port if nothing. */
export interface Shot {
  /** What it is, for differences and messages. */
  readonly label: string
  readonly direction: 'up' | 'down'
  /** The flow it is of, so that its outside port is learnt. */
  readonly flow: Flow
  /** One packet, or the fragments of one. */
  readonly packets: (outsidePort: (flow: Flow) => number) => readonly Uint8Array[]
}

/** The outside ports that a NAT has given, as seen from outside, and whose they are. */
export class OutsidePorts {
  readonly #given = new Map<string, number>()
  readonly #owners = new Map<string, Flow>()

  readonly of = (flow: Flow): number => this.#given.get(keyOf(flow)) ?? flow.port

  learn(flow: Flow, port: number): void {
    this.#given.set(keyOf(flow), port)
    this.#owners.set(outsideKey(flow.protocol, port, flow.remote, flow.remotePort), flow)
  }

  /** Whose port it is towards a remote end. */
  owner(protocol: number, port: number, remote: string, remotePort: number): Flow | undefined {
    return this.#owners.get(outsideKey(protocol, port, remote, remotePort))
  }
}

function keyOf({ protocol, inside, port, remote, remotePort }: Flow): string {
  return `${protocol} ${inside}:${port} ${remote}:${remotePort}`
}

function outsideKey(protocol: number, port: number, remote: string, remotePort: number): string {
  return `${protocol} ${port} ${remote}:${remotePort}`
}
