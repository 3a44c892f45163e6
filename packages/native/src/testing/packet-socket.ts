import { errnoName } from '../errno.ts'
import { AF_PACKET, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from '../linux.ts'
import type { SystemCalls } from '../system-calls.ts'

// linux/if_packet.h, linux/if_ether.h
const ETH_P_ALL = 0x0003
const ETH_P_IP = 0x0800
const ETH_P_IPV6 = 0x86dd
const SOL_PACKET = 263
const PACKET_IGNORE_OUTGOING = 23
const SOCKADDR_LL = 20
const SIZE = 65_536

/** Sends IP packets out of one interface and sees those that come in on it, byte for byte (AF_PACKET). */
export class PacketSocket {
  readonly #system: SystemCalls
  readonly #index: number
  readonly #fd: number
  readonly #buffer = new Uint8Array(SIZE)

  constructor(system: SystemCalls, index: number) {
    this.#system = system
    this.#index = index
    const type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK
    this.#fd = this.#check(system.socket(AF_PACKET, type, networkOrder(ETH_P_ALL)))
    const one = Uint8Array.of(1, 0, 0, 0)
    this.#check(system.setsockopt(this.#fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, system.addressOf(one), 4))
    this.#check(system.bind(this.#fd, system.addressOf(this.#name(ETH_P_ALL)), SOCKADDR_LL))
  }

  send(packet: Uint8Array): void {
    const system = this.#system
    const to = this.#name((packet[0] as number) >> 4 === 4 ? ETH_P_IP : ETH_P_IPV6)
    this.#buffer.set(packet)
    const from = system.addressOf(this.#buffer)
    this.#check(system.sendto(this.#fd, from, packet.length, 0, system.addressOf(to), SOCKADDR_LL))
  }

  /** What has come in since the last call. */
  take(): Uint8Array[] {
    const packets: Uint8Array[] = []
    const address = this.#system.addressOf(this.#buffer)
    for (;;) {
      const size = this.#system.recv(this.#fd, address, SIZE, 0)
      if (size < 0) return packets
      packets.push(this.#buffer.slice(0, size))
    }
  }

  close(): void {
    this.#system.close(this.#fd)
  }

  /** struct sockaddr_ll: family, protocol in network order, interface. */
  #name(protocol: number): Uint8Array {
    const bytes = new Uint8Array(SOCKADDR_LL)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, AF_PACKET, true)
    view.setUint16(2, protocol)
    view.setInt32(4, this.#index, true)
    return bytes
  }

  #check(result: number): number {
    if (result < 0) throw new Error(`packet socket: ${errnoName(result)}`)
    return result
  }
}

function networkOrder(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8)
}
