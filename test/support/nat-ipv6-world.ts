import type { DuplexLayer, Endpoint, IpPacket, RunningStack } from '@millrace/core'
import { stack } from '@millrace/core'
import { type TunOptions, tun } from '@millrace/layer-tun'
import { inside } from './nat-world.ts'
import { cable, Namespace } from './netns.ts'

const CLIENT = 'fd00:1:0:1::2'
export const GATEWAY = 'fd00:1:0:1::1'
/** The first router outside, and a server behind a narrow cable. */
export const ROUTER = { four: '203.0.113.1', six: '2001:db8::1' }
export const SERVER = { four: '198.51.100.7', six: '2001:db8:9::7' }
/** Of the cable to the server; the tunnel has 1420. */
export const NARROW = 1340

/**
 * A client with IPv6, and a layer in this process between it and routers and a server that have both families:
 *
 *     client -- layer -- router -- narrow -- server
 */
export class Ipv6World {
  readonly client = new Namespace('client')
  readonly router = new Namespace('router')
  readonly server = new Namespace('server')
  #running: RunningStack | undefined

  async start(layer: DuplexLayer<IpPacket>): Promise<void> {
    const wire = { name: 'inside0', mtu: 1420, addresses: [`${CLIENT}/64`], routes: ['::/0'] }
    const addresses = [`${ROUTER.four}/24`, `${ROUTER.six}/64`]
    const host = { name: 'outside0', mtu: 1500, addresses, routes: ['2001:db8:1::/48'] }
    this.#running = await stack(tunIn(this.client, wire)).layer(layer).end(tunIn(this.router, host)).start()
    // Without addresses of the link a router does not ask for neighbours.
    const near = ['198.51.100.1/24', '2001:db8:9::1/64', 'fe80::1/64']
    const far = [`${SERVER.four}/24`, `${SERVER.six}/64`, 'fe80::7/64']
    cable(this.router, 'narrow0', near, this.server, 'narrow0', far)
    // A cable drops what the other end would not send.
    for (const end of [this.router, this.server]) end.run('ip', 'link', 'set', 'narrow0', 'mtu', `${NARROW}`)
    for (const family of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
      this.router.run('sh', '-c', `echo 1 > /proc/sys/net/${family}`)
    }
    this.server.run('ip', '-4', 'route', 'add', 'default', 'via', '198.51.100.1')
    this.server.run('ip', '-6', 'route', 'add', 'default', 'via', '2001:db8:9::1')
  }

  async close(): Promise<void> {
    await this.#running?.stop()
    for (const namespace of [this.client, this.router, this.server]) await namespace.remove()
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
