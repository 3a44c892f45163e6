import { EnvironmentError, MAXIMUM_PACKET, type Packet, type PacketPool, TAILROOM } from '@millrace/core'
import { Errno, errnoName, O_CLOEXEC, O_NONBLOCK, O_RDWR, type SystemCalls } from '@millrace/native'

const PATH = '/dev/net/tun'

// linux/if_tun.h: _IOW('T', 202, int), and struct ifreq { char name[16]; short flags; … } of 40 bytes.
const TUNSETIFF = 0x400454ca
const IFF_TUN = 0x0001
const IFF_NO_PI = 0x1000
const IFF_TUN_EXCL = 0x8000
const IFREQ = 40
const IFREQ_FLAGS = 16

/**
 * One queue of a TUN device. It reads into packets and writes out of them where they lie, without a copy. The interface
 * lives as long as the descriptor is open.
 */
export class TunDevice {
  readonly fd: number
  /** The name the kernel gave it. */
  readonly interfaceName: string
  readonly #system: SystemCalls
  readonly #memory: Uint8Array
  readonly #base: number
  readonly #scratch = new Uint8Array(MAXIMUM_PACKET)
  readonly #scratchAddress: number

  private constructor(system: SystemCalls, pool: PacketPool, fd: number, interfaceName: string) {
    this.#system = system
    this.#memory = pool.memory
    this.#base = system.addressOf(pool.memory)
    this.#scratchAddress = system.addressOf(this.#scratch)
    this.fd = fd
    this.interfaceName = interfaceName
  }

  /** Creates the interface, down and without addresses. Never takes over one that exists. */
  static create(system: SystemCalls, pool: PacketPool, name: string): TunDevice {
    const fd = system.open(PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    if (fd < 0) throw new EnvironmentError(openFailed(fd))
    const request = new Uint8Array(IFREQ)
    request.set(Buffer.from(name, 'latin1'))
    new DataView(request.buffer).setUint16(IFREQ_FLAGS, IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL, true)
    const result = system.ioctl(fd, TUNSETIFF, system.addressOf(request))
    if (result < 0) {
      system.close(fd)
      throw new EnvironmentError(createFailed(result, name))
    }
    return new TunDevice(system, pool, fd, Buffer.from(request.subarray(0, request.indexOf(0))).toString('latin1'))
  }

  /** Reads one packet and sets its length. Returns the length, or a negated errno: `EAGAIN` when there is none. */
  read(packet: Packet): number {
    const size = Math.min(packet.tailroom + packet.length - TAILROOM, MAXIMUM_PACKET)
    const length = this.#system.read(this.fd, this.#base + packet.offset, size)
    packet.length = Math.max(length, 0)
    return length
  }

  /** Reads one packet and forgets it. */
  discard(): number {
    return this.#system.read(this.fd, this.#scratchAddress, MAXIMUM_PACKET)
  }

  /** Returns the reason for a drop, or undefined when the kernel has taken the packet. */
  write(packet: Packet): string | undefined {
    // The kernel reads where we point: a packet that a layer has moved out of its slot must not show it other memory.
    const inside = packet.memory === this.#memory && packet.length > 0 && packet.headroom >= 0 && packet.tailroom >= 0
    if (!inside) return 'packet-out-of-bounds'
    if (packet.segmentSize !== 0) return 'super-packet-unsupported'
    const result = this.#system.write(this.fd, this.#base + packet.offset, packet.length)
    return result < 0 ? writeReason(-result) : undefined
  }

  close(): void {
    this.#system.close(this.fd)
  }
}

function writeReason(errno: number): string {
  switch (errno) {
    case Errno.EAGAIN:
    case Errno.ENOBUFS:
    case Errno.ENOMEM:
      return 'tun-queue-full'
    case Errno.EINVAL:
      return 'tun-refused'
    case Errno.EIO:
      return 'tun-down'
    case Errno.EBADFD:
      return 'tun-gone'
    default:
      return 'tun-write-failed'
  }
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
