import { EnvironmentError } from '@millrace/core'
import { TunHandle } from '@millrace/layer-tun'
import { loadNative, RouteNetlink, type SystemCalls } from '@millrace/native'

/** Of a new interface, bytes, as the kernel has it for WireGuard. */
const MTU = 1420

/** A new interface, down, or the one that was given by its descriptor, as it is. Throws an EnvironmentError. */
export function openTun(name: string, fd: number | undefined): TunHandle {
  const { system, reason } = loadNative()
  if (system === undefined) throw new EnvironmentError(`needs Linux and koffi: ${reason}`)
  if (fd !== undefined) return TunHandle.adopt(system, fd)
  const handle = TunHandle.create(system, name)
  try {
    configure(system, handle.interfaceName)
  } catch (error) {
    handle.close()
    throw error
  }
  return handle
}

function configure(system: SystemCalls, name: string): void {
  const netlink = new RouteNetlink(system)
  const index = netlink.linkIndex(name)
  if (index === undefined) throw new EnvironmentError(`the interface ${name} vanished while it was set up`)
  netlink.changeLink(index, { mtu: MTU })
  try {
    // The kernel's WireGuard has no link-local address either.
    netlink.changeLink(index, { ipv6AddressGeneration: 'none' })
  } catch {
    // A kernel without IPv6.
  }
}
