import type { Timer } from '@millrace/core'
import type { HostPort } from '@millrace/layer-wireguard'
import type { Forwarding } from './forward-tcp.ts'
import type { DatagramPort, Listener } from './network.ts'
import { UdpFlow } from './udp-flow.ts'

const MOST_FLOWS = 1024
/** As long as a NAT keeps a mapping (RFC 4787 §4.3), milliseconds. */
const IDLE_TIMEOUT = 300_000

interface Client {
  readonly flow: UdpFlow
  /** Clock.now of the last datagram either way. */
  readonly lastUsed: number
}

/**
 * Datagrams to one end go on to the other, those of each client from a port of their own, to which the other end answers.
 * A flow ends after five minutes without a datagram; when there are too many, the one that has been quiet longest.
 */
export async function forwardUdp(forwarding: Forwarding): Promise<Listener> {
  const forward = new UdpForward(forwarding)
  await forward.open()
  return forward
}

class UdpForward implements Listener {
  readonly #forwarding: Forwarding
  /** By address and port; the one that has been quiet longest comes first. */
  readonly #clients = new Map<string, Client>()
  #port: DatagramPort | undefined
  #timer: Timer | undefined

  constructor(forwarding: Forwarding) {
    this.#forwarding = forwarding
  }

  get local(): HostPort {
    return this.#port?.local ?? this.#forwarding.listen
  }

  async open(): Promise<void> {
    const { from, listen } = this.#forwarding
    this.#port = await from.bind(listen, (bytes, client) => this.#take(bytes, client))
  }

  async close(): Promise<void> {
    const flows = [...this.#clients.values()].map(({ flow }) => flow.close())
    this.#clients.clear()
    this.#timer?.cancel()
    await Promise.all([this.#port?.close(), ...flows])
  }

  #take(bytes: Uint8Array, client: HostPort): void {
    const key = `${client.host} ${client.port}`
    const flow = this.#clients.get(key)?.flow ?? this.#begin(key, client)
    this.#use(key, flow)
    flow.send(bytes)
  }

  #begin(key: string, client: HostPort): UdpFlow {
    const [quietest] = this.#clients.keys()
    if (this.#clients.size >= MOST_FLOWS && quietest !== undefined) this.#end(quietest)
    const { into, to } = this.#forwarding
    const flow = new UdpFlow(into, to, {
      receive: (bytes) => {
        if (this.#clients.get(key)?.flow !== flow) return
        this.#use(key, flow)
        this.#port?.send(bytes, client)
      },
      // The next datagram begins anew.
      failed: () => {
        if (this.#clients.get(key)?.flow === flow) this.#end(key)
      },
    })
    return flow
  }

  #use(key: string, flow: UdpFlow): void {
    this.#clients.delete(key)
    this.#clients.set(key, { flow, lastUsed: this.#forwarding.clock.now() })
    if (this.#clients.size === 1) this.#setTimer()
  }

  #end(key: string): void {
    void this.#clients.get(key)?.flow.close()
    this.#clients.delete(key)
  }

  /** For the one that has been quiet longest. */
  #setTimer(): void {
    this.#timer?.cancel()
    const [quietest] = this.#clients.values()
    if (quietest === undefined) return
    const { clock } = this.#forwarding
    this.#timer = clock.setTimer(quietest.lastUsed + IDLE_TIMEOUT - clock.now(), () => this.#sweep())
  }

  #sweep(): void {
    const now = this.#forwarding.clock.now()
    for (const [key, { lastUsed }] of this.#clients) {
      if (lastUsed + IDLE_TIMEOUT > now) break
      this.#end(key)
    }
    this.#setTimer()
  }
}
