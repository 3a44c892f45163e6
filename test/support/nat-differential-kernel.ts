import { TunHandle } from '@millrace/layer-tun'
import { errnoName, RouteNetlink } from '@millrace/native'
import { nativeSystem } from '@millrace/native/testing'
import { GATEWAY, inside, OUTSIDE } from './nat-world.ts'
import { Namespace } from './netns.ts'

const LARGEST = 65_536
/** Bytes, of the inside. */
export const TUNNEL_MTU = 1400

/** What `sh` is to do so that a namespace is a NAT as one would set it up by the book: what nobody asked for is dropped. */
const BY_THE_BOOK = `
set -e
nft -f - <<RULES
table ip nat {
  chain postrouting { type nat hook postrouting priority srcnat; oifname "outside0" masquerade; }
}
table ip filter {
  chain input { type filter hook input priority filter; policy drop; }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state invalid drop
    tcp flags syn tcp option maxseg size set rt mtu
    iifname "inside0" oifname "outside0" accept
    ct state established,related accept
  }
}
RULES
cd /proc/sys/net/ipv4
echo 1 > ip_forward
echo 0 > icmp_ratelimit
`

/** What came out of a NAT, and on which side: up is outside. */
export interface Emitted {
  readonly direction: 'up' | 'down'
  readonly bytes: Uint8Array
}

/** A NAT that is given one packet at a time. */
export interface NatUnderTest {
  /** What comes of a packet from the inside (up) or the outside (down), all of it. */
  put(direction: 'up' | 'down', bytes: Uint8Array): readonly Emitted[]
  close(): Promise<void>
}

/** The kernel's own NAT between two TUN devices. What is written to one comes out of the other before the write returns. */
export class KernelNat implements NatUnderTest {
  readonly #namespace: Namespace
  readonly #system = nativeSystem()
  readonly #tuns: Readonly<Record<'up' | 'down', TunHandle>>
  readonly #buffer = new Uint8Array(LARGEST)

  private constructor(namespace: Namespace) {
    this.#namespace = namespace
    this.#tuns = {
      up: this.#open('outside0', `${OUTSIDE}/24`, 1500),
      down: this.#open('inside0', `${GATEWAY}/24`, TUNNEL_MTU),
    }
    namespace.run('ip', 'route', 'add', 'default', 'dev', 'outside0')
    namespace.run('sh', '-c', BY_THE_BOOK)
  }

  static async start(): Promise<KernelNat> {
    const namespace = new Namespace('kernel')
    try {
      return new KernelNat(namespace)
    } catch (error) {
      await namespace.remove()
      throw error
    }
  }

  put(direction: 'up' | 'down', bytes: Uint8Array): readonly Emitted[] {
    const { fd } = this.#tuns[direction === 'up' ? 'down' : 'up']
    this.#buffer.set(bytes)
    const written = this.#system.write(fd, this.#system.addressOf(this.#buffer), bytes.length)
    // What is not even the beginning of an IP packet is refused here.
    if (written < 0 && errnoName(written) !== 'EINVAL') throw new Error(`TUN: ${errnoName(written)}`)
    return [...this.#drain('up'), ...this.#drain('down')]
  }

  async close(): Promise<void> {
    this.#tuns.up.close()
    this.#tuns.down.close()
    await this.#namespace.remove()
  }

  #open(name: string, address: string, mtu: number): TunHandle {
    return inside(this.#namespace, () => {
      const handle = TunHandle.create(this.#system, name, false)
      const netlink = new RouteNetlink(this.#system)
      const index = netlink.linkIndex(name) as number
      netlink.changeLink(index, { mtu, ipv6AddressGeneration: 'none' })
      netlink.addAddress(index, address)
      netlink.changeLink(index, { up: true })
      return handle
    })
  }

  *#drain(direction: 'up' | 'down'): Generator<Emitted> {
    for (;;) {
      const size = this.#system.read(this.#tuns[direction].fd, this.#system.addressOf(this.#buffer), LARGEST)
      if (size < 0) return
      const bytes = this.#buffer.slice(0, size)
      // The kernel's own chatter of IPv6.
      if ((bytes[0] as number) >> 4 === 4) yield { direction, bytes }
    }
  }
}
