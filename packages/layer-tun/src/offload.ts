import type { HostSuperPackets } from '@millrace/core'
import type { TunHandle } from './handle.ts'
import type { CheckedOffload } from './options.ts'

// linux/if_tun.h: what the reader of a TUN can do with packets. Without TUN_F_TSO_ECN the kernel itself cuts what carries
// CWR: that is rare, and accurate ECN, which virtio_net_hdr cannot tell apart, wants it in every segment.
const TUN_F_CSUM = 0x01
const TUN_F_TSO4 = 0x02
const TUN_F_TSO6 = 0x04
const TUN_F_USO4 = 0x20
const TUN_F_USO6 = 0x40

/**
 * Which super-packets go through one TUN device. To be written they need nothing but the header before them; to be read
 * they have to be asked for, and are when the stack has said that it takes them.
 */
export class TunOffload implements HostSuperPackets {
  readonly #handle: TunHandle
  readonly #onRefused: (transport: 'TCP' | 'UDP') => void
  readonly #reads: number
  #tcp: boolean
  #udp: boolean
  #enabled = false

  /** `onRefused` is called once for each transport whose super-packets the kernel turns out not to take. */
  constructor(handle: TunHandle, wanted: CheckedOffload, onRefused: (transport: 'TCP' | 'UDP') => void) {
    this.#handle = handle
    this.#onRefused = onRefused
    this.#tcp = handle.hasHeader && wanted.tcp
    this.#udp = handle.hasHeader && wanted.udp
    const tcpReads = this.#tcp ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0
    const udpReads = this.#udp ? TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6 : 0
    // The kernel learned to give and to take those of UDP at the same time (6.2).
    if (udpReads !== 0) this.#udp = handle.setOffload(tcpReads | udpReads) >= 0
    this.#reads = this.#udp ? tcpReads | udpReads : tcpReads
    this.disable()
  }

  get tcp(): boolean {
    return this.#tcp
  }

  get udp(): boolean {
    return this.#udp
  }

  /** Whether the stack takes what is read as a super-packet. */
  get enabled(): boolean {
    return this.#enabled
  }

  enable(): void {
    this.#enabled = true
    if (this.#handle.hasHeader) this.#handle.setOffload(this.#reads)
  }

  /** Others may read the device after this stack, as it was. */
  disable(): void {
    this.#enabled = false
    if (this.#handle.hasHeader) this.#handle.setOffload(0)
  }

  /** The kernel has not taken a super-packet that is in order: no more of its kind. */
  refused(isTcp: boolean): void {
    if (isTcp) this.#tcp = false
    else this.#udp = false
    this.#onRefused(isTcp ? 'TCP' : 'UDP')
  }
}
