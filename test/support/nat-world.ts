import { closeSync, openSync } from 'node:fs'
import { type Endpoint, type IpPacket, type RunningStack, stack } from '@millrace/core'
import { type NatLayer, type NatOptions, nat } from '@millrace/layer-nat'
import { type TunOptions, tun } from '@millrace/layer-tun'
import { inNetworkNamespace } from '@millrace/native'
import { nativeSystem } from '@millrace/native/testing'
import { Namespace } from './netns.ts'

const CLIENT = '10.9.0.2'
export const GATEWAY = '10.9.0.1'
/** The outside address of the NAT. */
export const OUTSIDE = '203.0.113.7'
/** The first router outside. */
export const ROUTER = '203.0.113.1'
const MTU = 1420

/**
 * A client and a router in namespaces, each with a TUN, and a NAT in this process between the two:
 *
 *     client 10.9.0.2 -- 10.9.0.1 nat() 203.0.113.7 -- 203.0.113.1 router
 */
export class NatWorld {
  readonly client = new Namespace('client')
  readonly router = new Namespace('router')
  readonly #others: Namespace[] = []
  #running: RunningStack | undefined

  /** One more namespace that goes with this world. */
  add(label: string): Namespace {
    const namespace = new Namespace(label)
    this.#others.push(namespace)
    return namespace
  }

  /** `routerAddresses`: more of the router, with their prefix lengths. */
  async start(options: Partial<NatOptions>, routerAddresses: readonly string[] = []): Promise<NatLayer> {
    const layer = nat({ address: OUTSIDE, gatewayAddress: GATEWAY, mtu: MTU, ...options })
    const wire = { name: 'inside0', mtu: MTU, addresses: [`${CLIENT}/24`], routes: ['0.0.0.0/0'] }
    const host = { name: 'outside0', mtu: 1500, addresses: [`${ROUTER}/24`, ...routerAddresses] }
    this.#running = await stack(tunIn(this.client, wire)).layer(layer).end(tunIn(this.router, host)).start()
    return layer
  }

  async close(): Promise<void> {
    await this.#running?.stop()
    for (const namespace of [this.client, this.router, ...this.#others]) await namespace.remove()
  }
}

/** Lets a namespace forward packets. */
export function forward(namespace: Namespace): void {
  namespace.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
}

/** Does `work`, which is synchronous, with this thread in the namespace: what it opens stays there. */
export function inside<T>(namespace: Namespace, work: () => T): T {
  const fd = openSync(`/run/netns/${namespace.name}`, 'r')
  try {
    return inNetworkNamespace(nativeSystem(), fd, work) as T
  } finally {
    closeSync(fd)
  }
}

/** A TUN whose interface is in the namespace. */
function tunIn(namespace: Namespace, options: TunOptions): Endpoint<IpPacket> {
  const endpoint = tun(options)
  return {
    name: 'tun',
    connect: (service) => endpoint.connect(service),
    // A TUN starts synchronously, as it must for this.
    start: (context) => inside(namespace, () => endpoint.start?.(context)),
    stop: () => endpoint.stop?.(),
  }
}
