import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { EnvironmentError } from '@millrace/core'
import { loadNative, NetlinkError, RouteNetlink } from '@millrace/native'
import type { Host } from './host.ts'
import { runNft } from './nftables.ts'

/** Bit of CAP_NET_ADMIN (capabilities(7)). */
const NET_ADMIN = 12n

/** The machine this process runs on, in the network namespace it is in. */
export function linuxHost(): Host {
  const { system, reason } = loadNative()
  if (system === undefined) throw new EnvironmentError(`a gateway with a TUN interface cannot run here: ${reason}`)
  const netlink = new RouteNetlink(system)
  const indexOf = (name: string): number => {
    const index = netlink.linkIndex(name)
    if (index === undefined) throw new EnvironmentError(`there is no interface named ${name} any more`)
    return index
  }
  return {
    mayConfigure: hasNetAdmin(readFileSync('/proc/self/status', 'utf8')),
    hasTun: existsSync('/dev/net/tun'),
    identity: `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/net')}`,
    addresses: () => netlink.addresses(),
    routes: () => netlink.routes(),
    routeTo: (address) => netlink.routeTo(address),
    hasInterface: (name) => netlink.linkIndex(name) !== undefined,
    forwarding: (name) => readFileSync(forwardingOf(name), 'utf8').trim() !== '0',
    setForwarding: (name, on) => writeFileSync(forwardingOf(name), on ? '1' : '0'),
    answersFor: (address, name) => {
      const index = indexOf(name)
      return netlink.proxyNeighbours().some((proxy) => proxy.index === index && proxy.address === address)
    },
    addProxyNeighbour: (name, address) => netlink.addProxyNeighbour({ index: indexOf(name), address }),
    deleteProxyNeighbour(name, address) {
      try {
        netlink.deleteProxyNeighbour({ index: indexOf(name), address })
      } catch (error) {
        if (!(error instanceof NetlinkError && error.errno === 'ENOENT')) throw error
      }
    },
    nft: runNft,
  }
}

/** Of the text of /proc/self/status: whether the effective capabilities hold CAP_NET_ADMIN. */
export function hasNetAdmin(status: string): boolean {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return hex !== undefined && ((BigInt(`0x${hex}`) >> NET_ADMIN) & 1n) === 1n
}

/** ip-sysctl: `conf/NAME/forwarding`, the one of the interface the packet came in on decides. */
function forwardingOf(name: string): string {
  return `/proc/sys/net/ipv4/conf/${name}/forwarding`
}
