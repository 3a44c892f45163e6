import { parseAddress, parseSocketAddress } from '@millrace/core'
import type { GatewayAddresses } from './gateway-addresses.ts'

const DOMAIN = 53

/**
 * The name server behind port 53 of the gateway's own addresses: the one service there is. What clients send there goes to
 * that server, wherever it is, and only what it answers comes back. It is for addresses of the server's own family.
 */
export class NameService {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly port: number
  readonly #gateway: GatewayAddresses

  constructor({ address, port }: NameServer, gateway: GatewayAddresses) {
    this.address = address
    this.port = port
    this.#gateway = gateway
  }

  /** Whether clients that send to this address and port mean the service. */
  isAt(address: Uint8Array, port: number): boolean {
    return port === DOMAIN && address.length === this.address.length && this.#gateway.includes(address)
  }
}

export interface NameServer {
  readonly address: Uint8Array
  readonly port: number
}

/** Of `9.9.9.9`, `127.0.0.1:5353`, `2620:fe::fe` or `[2620:fe::fe]:53`. Throws a ConfigurationError that names `what`. */
export function readNameServer(text: string, what = 'sockets nameServer'): NameServer {
  const hasPort = /^(\[.*\]|[^:]*):\d+$/.test(text)
  const { address, port } = hasPort ? parseSocketAddress(text, what) : { address: text, port: DOMAIN }
  return { address: parseAddress(address, what).bytes, port }
}
