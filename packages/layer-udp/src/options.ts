import { ConfigurationError, parseAddress } from '@millrace/core'

export interface UdpOptions {
  /** UDP port, the same for IPv4 and IPv6. Default 0: the system picks a free one. */
  readonly port?: number
  /** Listen on this address only, IPv4 or IPv6. Default: all addresses of both families. */
  readonly address?: string
  /** Mark of every packet sent (SO_MARK), 0 to 2^32 - 1; needs the native sockets and CAP_NET_ADMIN. Default 0: none. */
  readonly mark?: number
  /**
   * True: sockets by system calls (Linux, koffi), or no start. False: `node:dgram`, which knows no local addresses and no
   * mark. Default: by system calls where there are any.
   */
  readonly native?: boolean
  /** What the native sockets may leave to the kernel. Default: all that it offers and does well. */
  readonly offload?: UdpOffload
}

export interface UdpOffload {
  /** Datagrams to one destination leave as one train that the kernel or the card takes apart (UDP_SEGMENT). Default true. */
  readonly send?: boolean
  /** A train comes in as one packet (UDP_GRO), when a line further up has asked for it. Default true. */
  readonly receive?: boolean
}

export type Offloads = Required<UdpOffload>

export const NO_OFFLOADS: Offloads = { send: false, receive: false }

/** Throws a ConfigurationError. */
export function checkOptions({ port = 0, address, mark = 0, offload = {} }: UdpOptions): void {
  checkPort(port)
  checkMark(mark)
  checkOffload(offload)
  if (address !== undefined) parseAddress(address, 'udp address')
}

export function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ConfigurationError(`udp port: expected a number from 0 to 65535, got ${port}`)
  }
}

export function checkMark(mark: number): void {
  if (!Number.isInteger(mark) || mark < 0 || mark > 0xffff_ffff) {
    throw new ConfigurationError(`udp mark: expected a number from 0 to 4294967295, got ${mark}`)
  }
}

function checkOffload(offload: UdpOffload): void {
  if (typeof offload !== 'object' || offload === null) {
    throw new ConfigurationError(`udp offload: expected { send, receive }, got ${String(offload)}`)
  }
  for (const [name, value] of Object.entries(offload)) {
    if (name !== 'send' && name !== 'receive') {
      throw new ConfigurationError(`udp offload: expected send and receive, got ${name}`)
    }
    if (value !== undefined && typeof value !== 'boolean') {
      throw new ConfigurationError(`udp offload ${name}: expected true or false, got ${String(value)}`)
    }
  }
}
