import { isIPv6 } from 'node:net'
import type { HostPort } from '@millrace/layer-wireguard'
import type { DatagramPort, Network } from './network.ts'
import { plainAddress } from './socks-address.ts'

/** Datagrams that may wait until there is a port. */
const MOST_WAITING = 16

export interface UdpFlowEnd {
  /** What the target has answered. */
  receive(bytes: Uint8Array): void
  /** It cannot be opened. */
  failed(): void
}

/** A UDP port of its own for one client of a {@link UdpForward}, that speaks to one target and hears only that. */
export class UdpFlow {
  readonly #network: Network
  readonly #end: UdpFlowEnd
  #waiting: Uint8Array[] = []
  #port: DatagramPort | undefined
  #target: HostPort | undefined
  #isClosed = false

  constructor(network: Network, to: HostPort, end: UdpFlowEnd) {
    this.#network = network
    this.#end = end
    this.#open(to).catch(() => end.failed())
  }

  send(bytes: Uint8Array): void {
    if (this.#port !== undefined && this.#target !== undefined) this.#port.send(bytes, this.#target)
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(bytes)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#waiting = []
    const port = this.#port
    this.#port = undefined
    await port?.close()
  }

  async #open({ host, port }: HostPort): Promise<void> {
    const [address] = await this.#network.lookup(host)
    if (this.#isClosed) return
    const any = isIPv6(address) ? '::' : '0.0.0.0'
    const bound = await this.#network.bind({ host: any, port: 0 }, (bytes, from) => this.#receive(bytes, from))
    if (this.#isClosed) {
      await bound.close()
      return
    }
    this.#target = { host: address, port }
    this.#port = bound
    for (const bytes of this.#waiting) bound.send(bytes, this.#target)
    this.#waiting = []
  }

  #receive(bytes: Uint8Array, { host, port }: HostPort): void {
    const target = this.#target
    if (target !== undefined && port === target.port && plainAddress(host) === plainAddress(target.host)) {
      this.#end.receive(bytes)
    }
  }
}
