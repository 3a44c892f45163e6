import { ConfigurationError, parsePrefix } from '@millrace/core'
import { parseInterfaceAddress } from '@millrace/native'

export interface TunOptions {
  /** Interface name, up to 15 characters; a `%d` in it stands for the first free number. Default `tun%d`. */
  readonly name?: string
  /** Largest packet that enters the tunnel, bytes, 68 to 65,535, with IPv6 at least 1,280. Default 1,420. */
  readonly mtu?: number
  /** Addresses of the interface with their prefix lengths: `10.0.0.1/24`, `fd00::1/64`. Default none. */
  readonly addresses?: readonly string[]
  /** Prefixes that the host sends into the TUN: `10.0.0.0/8`. Those of `addresses` come by themselves. Default none. */
  readonly routes?: readonly string[]
  /**
   * An open TUN device (IFF_TUN, IFF_NO_PI, IFF_VNET_HDR or not) that belongs to whoever opened it, instead of a new one:
   * it is read and written, its segmentation offload is set, and it is neither configured nor closed. Its interface may
   * be in another network namespace. Without `name`, `addresses` and `routes`; `mtu` means nothing then.
   */
  readonly fd?: number
  /**
   * Whether packets of up to 64 KB, which stand for several of one flow, pass between the kernel and a stack that takes
   * them, for all or for one transport: `{ udp: false }`. Default true, as far as the kernel can (UDP: Linux 6.2).
   */
  readonly offload?: boolean | OffloadOptions
  /** Called once when the interface is gone because somebody deleted it; by default that is logged as an error. */
  readonly onGone?: () => void
}

/** Each is on by default. */
export interface OffloadOptions {
  readonly tcp?: boolean
  readonly udp?: boolean
}

export type CheckedOffload = Required<OffloadOptions>

type Optional = 'fd' | 'onGone'
export type CheckedOptions = Required<Omit<TunOptions, Optional | 'offload'>> &
  Pick<TunOptions, Optional> & { readonly offload: CheckedOffload }

// IFNAMSIZ (linux/if.h) less the NUL; RFC 791 §3.1 and RFC 8200 §5 for the smallest MTU.
const MAXIMUM_NAME = 15
const MINIMUM_MTU = 68
const MINIMUM_MTU_IPV6 = 1280
const MAXIMUM_MTU = 65_535

/** Throws a ConfigurationError for what the kernel would refuse. */
export function checkOptions(options: TunOptions): CheckedOptions {
  const { name = 'tun%d', mtu = 1420, addresses = [], routes = [], fd, onGone } = options
  checkFd(options)
  if (!validName(name)) {
    throw new ConfigurationError(
      `tun name: expected 1 to ${MAXIMUM_NAME} printable characters without space, "/", ":" or "%" (but for one %d), got "${name}"`,
    )
  }
  const ipv6 = [
    ...addresses.map((text) => parseInterfaceAddress(text, 'tun address')),
    ...routes.map((text) => parsePrefix(text, 'tun route')),
  ].some(({ family }) => family === 6)
  const minimum = ipv6 ? MINIMUM_MTU_IPV6 : MINIMUM_MTU
  if (!Number.isInteger(mtu) || mtu < minimum || mtu > MAXIMUM_MTU) {
    const why = ipv6 ? ' (IPv6 needs 1280)' : ''
    throw new ConfigurationError(`tun mtu: expected a number from ${minimum} to ${MAXIMUM_MTU}${why}, got ${mtu}`)
  }
  return { name, mtu, addresses, routes, fd, onGone, offload: checkOffload(options.offload) }
}

function checkFd({ fd, name, addresses, routes }: TunOptions): void {
  if (fd === undefined) return
  if (!Number.isInteger(fd) || fd < 0) throw new ConfigurationError(`tun fd: expected a file descriptor, got ${fd}`)
  if (name !== undefined || addresses !== undefined || routes !== undefined) {
    throw new ConfigurationError('tun fd: expected no name, addresses or routes beside it: the device has its own')
  }
}

function checkOffload(offload: TunOptions['offload'] = true): CheckedOffload {
  if (typeof offload === 'boolean') return { tcp: offload, udp: offload }
  const { tcp = true, udp = true } = offload ?? {}
  if (typeof offload !== 'object' || offload === null || typeof tcp !== 'boolean' || typeof udp !== 'boolean') {
    throw new ConfigurationError(
      `tun offload: expected true, false or { tcp?: boolean, udp?: boolean }, got ${JSON.stringify(offload)}`,
    )
  }
  return { tcp, udp }
}

function validName(name: string): boolean {
  if (name.length > MAXIMUM_NAME || name === '.' || name === '..') return false
  return /^[!-~]+$/.test(name) && /^[^%/:]*(%d)?[^%/:]*$/.test(name)
}
