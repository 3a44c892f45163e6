import type { Tcp } from '../tcp/tcp.ts'
import { RelayBuffers } from './relay-buffers.ts'
import type { TcpOutlet, TcpOutletOwner, TcpOutletParts, TcpOutlets } from './tcp-outlet.ts'
import { PortableTcpOutlet, type PortableTcpOutletParts } from './tcp-portable-outlet.ts'

/** Outlets by `node:net`, anywhere: streams, and a copy of each piece. */
export class PortableTcpOutlets implements TcpOutlets {
  readonly #parts: PortableTcpOutletParts

  constructor(tcp: Tcp, parts: TcpOutletParts) {
    this.#parts = { ...parts, tcp, buffers: new RelayBuffers() }
  }

  get held(): number {
    return this.#parts.buffers.held
  }

  dial(owner: TcpOutletOwner): TcpOutlet {
    return new PortableTcpOutlet(this.#parts, owner)
  }

  async stop(): Promise<void> {}
}
