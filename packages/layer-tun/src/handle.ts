import { EnvironmentError } from '@millrace/core'
import {
  AF_INET,
  Errno,
  errnoName,
  inNetworkNamespace,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  POLLERR,
  POLLNVAL,
  POLLOUT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  type SystemCalls,
} from '@millrace/native'

const PATH = '/dev/net/tun'

// linux/if_tun.h: _IOW('T', 202, int), _IOR('T', 210, unsigned int), _IO('T', 227).
const TUNSETIFF = 0x400454ca
const TUNGETIFF = 0x800454d2
const TUNGETDEVNETNS = 0x54e3
const IFF_TUN = 0x0001
const IFF_NO_PI = 0x1000
const IFF_VNET_HDR = 0x4000
const IFF_TUN_EXCL = 0x8000
// linux/sockios.h, asm-generic/ioctls.h
const SIOCGIFMTU = 0x8921
const FIONBIO = 0x5421
/** struct ifreq { char name[16]; union { short flags; int mtu; … } }, bytes. */
const IFREQ = 40
const IFREQ_VALUE = 16
const POLLFD = 8

/** What an interface is now. */
export interface TunLink {
  readonly up: boolean
  /** Bytes; undefined where it is in another network namespace which this process may not enter. */
  readonly mtu: number | undefined
}

/** An open TUN device and its interface. The interface lives as long as the descriptor, unless somebody deletes it. */
export class TunHandle {
  readonly fd: number
  /** The name it had when it was opened. */
  readonly interfaceName: string
  readonly #system: SystemCalls
  readonly #request = new Uint8Array(IFREQ)
  readonly #view = new DataView(this.#request.buffer)
  readonly #address: number

  private constructor(system: SystemCalls, fd: number, interfaceName: string) {
    this.#system = system
    this.#address = system.addressOf(this.#request)
    this.fd = fd
    this.interfaceName = interfaceName
  }

  /** Creates the interface, down and without addresses. Never takes over one that exists. Throws an EnvironmentError. */
  static create(system: SystemCalls, name: string): TunHandle {
    const fd = system.open(PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    if (fd < 0) throw new EnvironmentError(openFailed(fd))
    const request = new Uint8Array(IFREQ)
    request.set(Buffer.from(name, 'latin1'))
    new DataView(request.buffer).setUint16(IFREQ_VALUE, IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL, true)
    const result = system.ioctl(fd, TUNSETIFF, system.addressOf(request))
    if (result < 0) {
      system.close(fd)
      throw new EnvironmentError(createFailed(result, name))
    }
    return new TunHandle(system, fd, nameIn(request))
  }

  /** Takes a descriptor that somebody else has opened, of a TUN without headers (IFF_NO_PI). Throws an EnvironmentError. */
  static adopt(system: SystemCalls, fd: number): TunHandle {
    const request = new Uint8Array(IFREQ)
    const view = new DataView(request.buffer)
    const result = system.ioctl(fd, TUNGETIFF, system.addressOf(request))
    if (result < 0) throw new EnvironmentError(`tun fd: descriptor ${fd} is no TUN device (${errnoName(result)})`)
    const name = nameIn(request)
    const flags = view.getUint16(IFREQ_VALUE, true)
    if ((flags & (IFF_TUN | IFF_VNET_HDR)) !== IFF_TUN) {
      throw new EnvironmentError(`tun fd: ${name} was opened as a TAP, or with IFF_VNET_HDR: expected a TUN without`)
    }
    view.setInt32(0, 1, true)
    const unblocked = system.ioctl(fd, FIONBIO, system.addressOf(request))
    if (unblocked < 0) throw new EnvironmentError(`tun fd: cannot make ${fd} non-blocking (${errnoName(unblocked)})`)
    return new TunHandle(system, fd, name)
  }

  /** Undefined once the interface is gone. It may have been moved to another network namespace, and have another name. */
  link(): TunLink | undefined {
    // The kernel says of a TUN that it can be written only while its interface is up.
    const events = this.#events()
    if ((events & (POLLERR | POLLNVAL)) !== 0) return undefined
    return { up: (events & POLLOUT) !== 0, mtu: this.#mtu() }
  }

  close(): void {
    this.#system.close(this.fd)
  }

  #events(): number {
    const view = this.#view
    view.setInt32(0, this.fd, true)
    view.setUint32(4, POLLOUT, true)
    return this.#system.poll(this.#address, 1, 0) < 0 ? 0 : view.getInt16(POLLFD - 2, true)
  }

  #mtu(): number | undefined {
    const system = this.#system
    const namespace = system.ioctl(this.fd, TUNGETDEVNETNS, 0)
    if (namespace < 0) return this.#mtuHere()
    try {
      return inNetworkNamespace(system, namespace, () => this.#mtuHere()) ?? this.#mtuHere()
    } finally {
      system.close(namespace)
    }
  }

  /** Of the interface of its name in the namespace that this thread is in. */
  #mtuHere(): number | undefined {
    const system = this.#system
    if (system.ioctl(this.fd, TUNGETIFF, this.#address) < 0) return undefined
    const socket = system.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
    if (socket < 0) return undefined
    const result = system.ioctl(socket, SIOCGIFMTU, this.#address)
    system.close(socket)
    return result < 0 ? undefined : this.#view.getInt32(IFREQ_VALUE, true)
  }
}

function nameIn(request: Uint8Array): string {
  return Buffer.from(request.subarray(0, request.indexOf(0))).toString('latin1')
}

const NEEDS_ROOT = 'tun: needs root (CAP_NET_ADMIN) to create a TUN device; run it as root or with that capability'

function openFailed(result: number): string {
  if (result === -Errno.EPERM || result === -Errno.EACCES) return NEEDS_ROOT
  if (result === -Errno.ENOENT || result === -Errno.ENXIO || result === -Errno.ENODEV) {
    return `tun: there is no ${PATH}; load the kernel's module (modprobe tun), or give the container the device`
  }
  return `tun: cannot open ${PATH} (${errnoName(result)})`
}

function createFailed(result: number, name: string): string {
  if (result === -Errno.EPERM) return NEEDS_ROOT
  if (result === -Errno.EBUSY || result === -Errno.EEXIST) {
    return `tun: there is an interface named ${name} already; choose another name, or delete it (ip link delete ${name})`
  }
  return `tun: cannot create the interface ${name} (${errnoName(result)})`
}
