import { type ChildProcess, spawn } from 'node:child_process'
import {
  type Context,
  type Endpoint,
  HOST_SUPER_PACKETS,
  type HostSuperPackets,
  type IpPacket,
  type Layer,
  type RunningStack,
  stack,
} from '@millrace/core'
import { inNetworkNamespace, O_CLOEXEC } from '@millrace/native'
import { enterNetworkNamespace, nativeSystem } from '@millrace/native/testing'
import type { TunOptions } from '../options.ts'
import { tun } from '../tun.ts'
import { UdpSocket } from './udp-socket.ts'

/** A network namespace of its own that this thread goes into and out of. */
export class Host {
  readonly #fd: number

  constructor() {
    const namespace = enterNetworkNamespace()
    this.#fd = nativeSystem().open('/proc/thread-self/ns/net', O_CLOEXEC)
    namespace.leave()
  }

  inside<T>(work: () => T): T {
    return inNetworkNamespace(nativeSystem(), this.#fd, work) as T
  }

  /** Runs a program of JavaScript in there. */
  run(program: string, ...parameters: readonly string[]): ChildProcess {
    return this.inside(() =>
      spawn(process.execPath, ['-e', program, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] }),
    )
  }

  close(): void {
    nativeSystem().close(this.#fd)
  }

  /** A TUN in there. It is asked for super-packets at once, whether it stands at the wire's end or at the host's. */
  endpoint(options: TunOptions): Endpoint<IpPacket> {
    const endpoint = tun(options)
    const start = (context: Context): void | Promise<void> => {
      const provide: Context['provide'] = (token, value) => {
        if (token.key === HOST_SUPER_PACKETS.key) (value as HostSuperPackets).enable()
      }
      return this.inside(() => endpoint.start?.({ ...context, provide }))
    }
    return { connect: (service) => endpoint.connect(service), start, stop: () => endpoint.stop?.() }
  }
}

/** Two hosts whose TUN devices are joined: what the one sends the other receives. */
export class TwoHosts {
  readonly left: Host = new Host()
  readonly right: Host = new Host()
  #running: RunningStack | undefined

  /** `between` sees every packet on its way. */
  async join(left: TunOptions, right: TunOptions, between: Layer<IpPacket>): Promise<RunningStack> {
    this.#running = await stack(this.left.endpoint({ addresses: ['10.9.0.1/24', 'fd09::1/64'], ...left }))
      .layer(between)
      .end(this.right.endpoint({ addresses: ['10.9.0.2/24', 'fd09::2/64'], ...right }))
      .start()
    await usable(this.left, 'fd09::1')
    await usable(this.right, 'fd09::2')
    return this.#running
  }

  async close(): Promise<void> {
    await this.#running?.stop()
    this.left.close()
    this.right.close()
  }
}

/** The kernel makes an IPv6 address usable a moment after it was added (RFC 4862 §5.4, which has nothing to detect here). */
async function usable(host: Host, address: string): Promise<void> {
  for (let turn = 1; ; turn++) {
    try {
      host.inside(() => new UdpSocket(address, 0)).close()
      return
    } catch (error) {
      if (turn === 20_000) throw error
      await new Promise((next) => setImmediate(next))
    }
  }
}
