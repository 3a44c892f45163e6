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
import { VIRTIO_HEADER } from './virtio-header.ts'

const PATH = '/dev/net/tun'

// linux/if_tun.h: _IOW('T', 202, int), _IOW('T', 208, unsigned int), _IOR('T', 210, unsigned int), _IOW('T', 216, int),
// _IO('T', 227).
const TUNSETIFF = 0x400454ca
const TUNSETOFFLOAD = 0x400454d0
const TUNGETIFF = 0x800454d2
const TUNSETVNETHDRSZ = 0x400454d8
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
  /** Whether a virtio_net_hdr stands before every packet (IFF_VNET_HDR). */
  readonly hasHeader: boolean
  readonly #system: SystemCalls
  readonly #request = new Uint8Array(IFREQ)
  readonly #view = new DataView(this.#request.buffer)
  readonly #address: number

  private constructor(system: SystemCalls, fd: number, interfaceName: string, hasHeader: boolean) {
    this.#system = system
    this.#address = system.addressOf(this.#request)
    this.fd = fd
    this.interfaceName = interfaceName
    this.hasHeader = hasHeader
  }

  /**
   * Creates the interface, down and without addresses; unless `header` is false, with IFF_VNET_HDR where the kernel has
   * it. Never takes over one that exists. Throws an EnvironmentError.
   */
  static create(system: SystemCalls, name: string, header = true): TunHandle {
    const fd = system.open(PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    if (fd < 0) throw new EnvironmentError(openFailed(fd))
    const request = new Uint8Array(IFREQ)
    request.set(Buffer.from(name, 'latin1'))
    const attach = (flags: number): number => {
      new DataView(request.buffer).setUint16(IFREQ_VALUE, IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL | flags, true)
      return system.ioctl(fd, TUNSETIFF, system.addressOf(request))
    }
    let result = attach(header ? IFF_VNET_HDR : 0)
    const hasHeader = header && result !== -Errno.EINVAL
    if (hasHeader !== header) result = attach(0)
    if (result >= 0 && hasHeader) result = setHeaderSize(system, fd)
    if (result < 0) {
      system.close(fd)
      throw new EnvironmentError(createFailed(result, name))
    }
    return new TunHandle(system, fd, nameIn(request), hasHeader)
  }

  /**
   * Takes a descriptor that somebody else has opened, of a TUN without packet information (IFF_NO_PI), with IFF_VNET_HDR
   * or without. Throws an EnvironmentError.
   */
  static adopt(system: SystemCalls, fd: number): TunHandle {
    const request = new Uint8Array(IFREQ)
    const view = new DataView(request.buffer)
    const result = system.ioctl(fd, TUNGETIFF, system.addressOf(request))
    if (result < 0) throw new EnvironmentError(`tun fd: descriptor ${fd} is no TUN device (${errnoName(result)})`)
    const name = nameIn(request)
    const flags = view.getUint16(IFREQ_VALUE, true)
    // Whether it has IFF_NO_PI the kernel does not tell: it says so of every one.
    if ((flags & IFF_TUN) === 0) throw new EnvironmentError(`tun fd: ${name} is a TAP: expected a TUN`)
    const hasHeader = (flags & IFF_VNET_HDR) !== 0
    const sized = hasHeader ? setHeaderSize(system, fd) : 0
    if (sized < 0) throw new EnvironmentError(`tun fd: cannot set the header size of ${name} (${errnoName(sized)})`)
    view.setInt32(0, 1, true)
    const unblocked = system.ioctl(fd, FIONBIO, system.addressOf(request))
    if (unblocked < 0) throw new EnvironmentError(`tun fd: cannot make ${fd} non-blocking (${errnoName(unblocked)})`)
    return new TunHandle(system, fd, name, hasHeader)
  }

  /** TUN_F_* flags of what the reader of the device can do with packets; a negated errno where the kernel does not know one. */
  setOffload(flags: number): number {
    return this.#system.ioctl(this.fd, TUNSETOFFLOAD, flags)
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

/** The size it has by default, unless whoever opened it has set another. */
function setHeaderSize(system: SystemCalls, fd: number): number {
  const size = Uint8Array.of(VIRTIO_HEADER, 0, 0, 0)
  return system.ioctl(fd, TUNSETVNETHDRSZ, system.addressOf(size))
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
